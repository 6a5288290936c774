import { randomUUID } from "node:crypto";
import { opaqueKey } from "@tokenkeep/core/backend";
import type { Candidate } from "./bench.js";
import { changesOf, queryOf, tokenOf } from "./tokens.js";

/** How a bare driver runs a statement. It may answer at once. */
export interface BareSql {
  /** Quoted for the database. */
  readonly table: string;
  placeholder(index: number): string;
  select(sql: string, values: unknown[]): Promise<string | undefined> | string | undefined;
  /** @returns how many rows were changed */
  write(sql: string, values: unknown[]): Promise<number> | number;
}

type Described = Pick<Candidate, "name" | "size" | "durability">;
type Stored = ReturnType<typeof tokenOf> & { id: string; etag: string; revision: number };

/** The columns of a bare table, whose types differ between databases. */
export const BARE_COLUMNS = (text: string, key: string): string =>
  `id ${key} PRIMARY KEY, etag ${key}, user_key ${key} UNIQUE, refresh_key ${key} UNIQUE, access_key ${key} UNIQUE,
   record ${text}`;

/**
 * The driver alone, doing the same work on a table of its own: it finds by a digest of user and client, writes on
 * condition that the record did not change, and keeps user and token values unique. It checks nothing.
 */
export async function bareSqlCandidate(described: Described, sql: BareSql): Promise<Candidate> {
  const text = (template: string) => {
    let index = 0;
    return template.replaceAll("?", () => sql.placeholder(++index)).replace("{table}", sql.table);
  };
  const insert = text(
    "INSERT INTO {table} (id, etag, user_key, refresh_key, access_key, record) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const select = text("SELECT record FROM {table} WHERE user_key = ?");
  const update = text("UPDATE {table} SET etag = ?, access_key = ?, record = ? WHERE id = ? AND etag = ?");
  const copies: Stored[] = [];

  const userKey = (i: number) => {
    const { userSignature, clientId } = queryOf(i);
    return opaqueKey("user", userSignature.name, String(clientId));
  };
  const find = async (i: number): Promise<Stored> => {
    const record = await sql.select(select, [userKey(i)]);
    return JSON.parse(record!) as Stored;
  };
  const write = async (i: number, version: number, stored: Stored): Promise<boolean> => {
    const next = { ...stored, ...changesOf(i, version), etag: randomUUID(), revision: stored.revision + 1 };
    const values = [
      next.etag,
      opaqueKey("access", next.accessToken),
      JSON.stringify(next),
      stored.id,
      stored.etag,
    ];
    const isWritten = (await sql.write(update, values)) === 1;
    if (isWritten) copies[i] = next;
    return isWritten;
  };
  const save = async (i: number, version: number): Promise<void> => {
    // Otherwise another caller saved the same user in between.
    while (!(await write(i, version, await find(i)))) {}
  };

  for (let i = 0; i < described.size; i += 200) {
    const some = Array.from({ length: Math.min(200, described.size - i) }, (_, j) => i + j);
    await Promise.all(
      some.map((n) => {
        const token: Stored = { ...tokenOf(n), id: randomUUID(), etag: randomUUID(), revision: 1 };
        copies[n] = token;
        const [refresh, access] = [token.refreshToken, token.accessToken].map(String);
        const keys = [userKey(n), opaqueKey("refresh", refresh!), opaqueKey("access", access!)];
        return sql.write(insert, [token.id, token.etag, ...keys, JSON.stringify(token)]);
      }),
    );
  }
  return {
    ...described,
    kind: "driver",
    jobs: {
      find,
      save,
      "save a copy": async (i, version) => {
        if (!(await write(i, version, copies[i]!))) await save(i, version);
      },
    },
  };
}
