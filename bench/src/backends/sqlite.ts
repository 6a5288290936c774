import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TokenManager } from "@tokenkeep/oauth2";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Database from "better-sqlite3";
import { LARGEST } from "../alternatives.js";
import { BARE_COLUMNS, bareSqlCandidate } from "../bare-sql.js";
import type { Bench, Candidate } from "../bench.js";
import { storeCandidate } from "../ours.js";
import { ENCRYPTION, queryOf } from "../tokens.js";
import { keyvSqlite, sealing, shopifySqlite } from "./sqlite-alternatives.js";

const OURS = "@tokenkeep/sqlite";
const ENCRYPTED = `${OURS}, encrypted`;
const MANAGED = "@tokenkeep/oauth2, getAccessToken";
const DRIVER = "better-sqlite3";
const DURABILITY = "committed, `synchronous=FULL`";

export const bench: Bench = {
  targets: [
    { job: "find", against: DRIVER, times: 0.85, callers: 1 },
    { job: "save", against: DRIVER, times: 0.8 },
    { job: "save a copy", against: DRIVER, times: 0.8 },
    { job: "find", candidate: ENCRYPTED, against: OURS, times: 0.4 },
    { job: "save", candidate: ENCRYPTED, against: OURS, times: 0.4 },
    { job: "find", candidate: MANAGED, against: OURS, times: 0.87, callers: 1 },
  ],
  notes: [
    "keyv and Shopify's storage use the driver `sqlite3`, which hands each statement to another thread, and leave the journal in its default mode (`DELETE`): two flushes for a save, where the write-ahead log needs one.",
    `${MANAGED} hands out an access token that is still valid: one find, and no lock.`,
  ],
  start: async (sizes) => {
    const folder = mkdtempSync(join(tmpdir(), "tokenkeep-bench-"));
    const candidates: Candidate[] = [];
    for (const size of sizes) {
      const path = (name: string) => join(folder, `${name}-${size}.db`);
      candidates.push(await ours(path("store"), size, false), await bare(path("bare"), size));
      if (size > LARGEST) continue;
      candidates.push(await ours(path("sealed"), size, true), await managed(path("managed"), size));
      candidates.push(
        await keyvSqlite(path("keyv"), size),
        await keyvSqlite(path("keyv-sealed"), size, sealing()),
      );
      candidates.push(await shopifySqlite(path("shopify"), size));
    }
    const stop = async () => {
      for (const { close } of candidates) await close?.();
      rmSync(folder, { recursive: true });
    };
    return { candidates, stop };
  },
};

/** A database that is filled without waiting for the disk, and is then set to what the store does by itself. */
function openFast(path: string): { database: Database.Database; settle(): void } {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = OFF");
  const settle = () => {
    database.pragma("wal_checkpoint(TRUNCATE)");
    database.pragma("synchronous = FULL");
  };
  return { database, settle };
}

async function ours(path: string, size: number, isEncrypted: boolean): Promise<Candidate> {
  const { database, settle } = openFast(path);
  const store = new SqliteTokenStore({ database, ...(isEncrypted && { encryption: ENCRYPTION }) });
  const described = {
    name: isEncrypted ? ENCRYPTED : OURS,
    kind: isEncrypted ? "variant" : "ours",
    size,
    durability: DURABILITY,
    bytes: async () => {
      const pages = database.pragma("page_count", { simple: true }) as number;
      return pages * (database.pragma("page_size", { simple: true }) as number);
    },
    close: async () => {
      await store.close();
      database.close();
    },
  } as const;
  const candidate = await storeCandidate(described, store);
  settle();
  return candidate;
}

async function managed(path: string, size: number): Promise<Candidate> {
  const { database, settle } = openFast(path);
  const store = new SqliteTokenStore({ database });
  const refresh = () => Promise.reject(new Error("No token of the bench expires."));
  const manager = new TokenManager(store, { refresh, rotation: "none" });
  const described = { name: MANAGED, kind: "variant", size, durability: DURABILITY } as const;
  const { jobs: _jobs, ...candidate } = await storeCandidate(described, store);
  settle();
  const close = async () => {
    await manager.close();
    await store.close();
    database.close();
  };
  return { ...candidate, jobs: { find: (i) => manager.getAccessToken(queryOf(i)) }, close };
}

async function bare(path: string, size: number): Promise<Candidate> {
  const { database, settle } = openFast(path);
  database.exec(`CREATE TABLE tokens (${BARE_COLUMNS("TEXT", "TEXT")})`);
  const statements = new Map<string, Database.Statement>();
  const prepare = (sql: string) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const candidate = await bareSqlCandidate(
    { name: DRIVER, size, durability: DURABILITY },
    {
      table: "tokens",
      placeholder: () => "?",
      select: (sql, values) =>
        prepare(sql)
          .pluck()
          .get(...values) as string | undefined,
      write: (sql, values) => prepare(sql).run(...values).changes,
    },
  );
  settle();
  return { ...candidate, close: () => database.close() };
}
