import type { Lookup } from "@tokenkeep/core";
import type { Connection } from "./connection.js";
import type { Keys } from "./keys.js";
import { FIND } from "./read-scripts.js";

/** What a lookup is to the server: a place (a user with a client), or else a field of `index`. */
export function fieldOf({ kind, key }: Lookup): string {
  if (kind === "id") return `:${key}`;
  return kind === "user" ? `@${key}` : key;
}

/** What a query's lookups lead to: the JSON of a record, or null. */
export type Found = readonly (string | null)[];

/** What is at each query's places, in one plain command. */
export function readPlaces(
  queries: readonly (readonly string[])[],
  { records }: Keys,
  connection: Connection,
): Promise<Found[]> {
  const read = (places: readonly string[]) => connection.send((client) => client.hmget(records, ...places));
  // the commonest find of all, and half as much to do
  if (queries.length === 1) return read(queries[0]!).then((found) => [found]);
  return read(queries.flat()).then((found) => eachPart(queries, (from, to) => found.slice(from, to)));
}

/** What each query's fields lead to, by one script. */
export async function find(
  queries: readonly (readonly string[])[],
  { records, index, users }: Keys,
  connection: Connection,
): Promise<Found[]> {
  const keys = [records, index, users];
  const found = (await connection.send((client) => FIND.run(client, keys, queries.flat()))) as Found;
  return eachPart(queries, (from, to) =>
    found.slice(from, to).map((json) => {
      if (!json?.startsWith("=")) return json;
      // what an earlier lookup of this query leads to is there already
      const earlier = Number(json.slice(1)) - 1;
      return earlier < from ? (found[earlier] ?? null) : null;
    }),
  );
}

/** What `make` makes of each query's part of the reply, in which they stand in a row. */
function eachPart<T>(queries: readonly (readonly string[])[], make: (from: number, to: number) => T): T[] {
  let to = 0;
  return queries.map(({ length }) => {
    to += length;
    return make(to - length, to);
  });
}
