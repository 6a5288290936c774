import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Database from "better-sqlite3";
import { fill } from "../peers.js";
import type { Bench, Subject } from "../subject.js";
import { queryOf, tokenOf } from "../tokens.js";
import { zohoFileStore } from "../zoho-file-store.js";
import { bareDriver } from "./sqlite-bare.js";
import { keyvSqlite, shopifySqlite } from "./sqlite-peers.js";

/** A subject that has a file to close. */
export interface OpenSubject extends Subject {
  close(): unknown;
}

export const FULL = "committed, `synchronous=FULL`";

export const sqliteBench: Bench = {
  backend: "SQLite",
  targets: [
    { job: "find", against: "better-sqlite3", times: 0.8 },
    { job: "save", against: "better-sqlite3", times: 0.7 },
  ],
  notes: [
    "better-sqlite3 alone does the same on one table with the same columns, and writes with `INSERT … ON CONFLICT DO UPDATE`.",
    "keyv and Shopify's storage go through the driver `sqlite3`, which hands each statement to another thread, and leave the journal in its default mode (`DELETE`): two flushes for a save, where the write-ahead log needs one.",
    "The SDK's FileStore is measured with one caller, and with no more than 10,000 tokens (beyond that, see File).",
  ],
  start: async (sizes) => {
    const folder = mkdtempSync(join(tmpdir(), "tokenkeep-bench-"));
    const open: OpenSubject[] = [];
    const sdk: Subject[] = [];
    for (const size of sizes) {
      const path = (name: string) => join(folder, `${name}-${size}.db`);
      open.push(
        await filledStore(path("store"), size),
        bareDriver(path("bare"), size),
        await keyvSqlite(path("keyv"), size),
        await shopifySqlite(path("shopify"), size),
      );
      if (size <= 10_000) sdk.push(zohoFileStore(join(folder, `sdk-${size}.csv`), size));
    }
    const stop = async () => {
      for (const subject of open) await subject.close();
      rmSync(folder, { recursive: true });
    };
    return { subjects: [...open, ...sdk], stop };
  },
};

/** Fills fast, without waiting for the disk, and is then set to what the store does by itself. */
async function filledStore(path: string, size: number): Promise<OpenSubject> {
  const database = new Database(path);
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = OFF");
  const store = new SqliteTokenStore({ database });
  await fill(size, (i) => store.saveToken(tokenOf(i)));
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.pragma("synchronous = FULL");
  return {
    name: "@tokenkeep/sqlite",
    kind: "ours",
    size,
    durability: FULL,
    find: (i) => store.findToken(queryOf(i)),
    save: (i, version) => store.saveToken(tokenOf(i, version)),
    close: async () => {
      await store.close();
      database.close();
    },
  };
}
