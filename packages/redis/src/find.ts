import type { Lookup } from "@tokenkeep/core";
import type { Connection } from "./connection.js";
import type { Keys } from "./keys.js";
import { FIND } from "./read-scripts.js";

const LETTERS: Readonly<Partial<Record<Lookup["kind"], string>>> = { id: "i", user: "u" };

/** The JSON of the records that each query's lookups lead to, in one request. */
export async function find(
  queries: readonly (readonly Lookup[])[],
  { records, index, users }: Keys,
  connection: Connection,
): Promise<string[][]> {
  let kinds = "";
  const args = [""];
  for (const lookups of queries) {
    for (const { kind, key } of lookups) {
      kinds += LETTERS[kind] ?? "k";
      args.push(kind === "id" ? `:${key}` : key);
    }
  }
  // most queries need neither the letters nor the third key
  const isPlain = !/[iu]/.test(kinds);
  if (!isPlain) args[0] = kinds;
  const keys = isPlain ? [records, index] : [records, index, users];
  const answer = await connection.send((client) => FIND.run(client, keys, args));
  const found = answer as readonly (string | null)[];
  let next = 0;
  return queries.map(({ length }) => {
    const first = next;
    next += length;
    const texts: string[] = [];
    for (let i = first; i < next; i++) {
      let json = found[i];
      if (json?.startsWith("=")) {
        // what an earlier lookup of this query leads to is there already
        const earlier = Number(json.slice(1)) - 1;
        json = earlier < first ? found[earlier] : null;
      }
      if (typeof json === "string") texts.push(json);
    }
    return texts;
  });
}
