import { closeSync, openSync, statSync } from "node:fs";
import { invalidOption, TokenStoreError } from "@tokenkeep/core";
import Database from "better-sqlite3";
import { isZohoSample } from "./adoption.js";
import type { SqliteDatabase } from "./options.js";
import { tablesOf, versionOf } from "./schema.js";

/**
 * How long SQLite itself may wait for a lock, in milliseconds: it blocks the event loop meanwhile. The rest
 * of `timeoutMs` is waited for without.
 */
const BUSY_TIMEOUT_MS = 20;

/** Opens a file, or memory. A file that is not ours is refused before a byte of it is changed. */
export function openDatabase(path: string, synchronous: "FULL" | "NORMAL"): SqliteDatabase {
  if (path !== ":memory:") makePrivate(path);
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    refuseForeign(database);
    database.pragma("journal_mode = WAL");
    database.pragma(`synchronous = ${synchronous}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Makes the file if it is not there, for its owner alone. SQLite gives -wal and -shm the same mode. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") {
      if (statSync(path).isDirectory()) throw invalidOption(`sqlite: ${path} is a directory. Name a file.`);
      return;
    }
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw invalidOption(`sqlite: there is no directory for ${path}. Make it first.`);
    }
    throw error;
  }
}

function refuseForeign(database: SqliteDatabase): void {
  // one look: between two, another process may have made the tables
  const tables = tablesOf(database);
  if (tables.has("tokenkeep_meta")) {
    versionOf(database);
    return;
  }
  if (tables.size === 0 || isZohoSample(tables)) return;
  throw new TokenStoreError(
    "ERR_SCHEMA",
    "sqlite: this database has another program's tables. Name a file of its own, or open the database " +
      "yourself and pass it as `database`: the tables are then added to it.",
  );
}
