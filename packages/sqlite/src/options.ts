import type { PersistentStoreOptions } from "@tokenkeep/core";
import { type CheckedStoreOptions, checkStoreOptions, invalidOption } from "@tokenkeep/core/backend";

/** The part of a better-sqlite3 `Database` that is used. */
export interface BetterSqliteDatabase {
  readonly open: boolean;
  readonly memory: boolean;
  prepare(sql: string): BetterSqliteStatement;
  exec(sql: string): unknown;
  close(): unknown;
}

/** The part of a better-sqlite3 `Statement` that is used. */
export interface BetterSqliteStatement {
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number | bigint };
  safeIntegers(on: boolean): unknown;
  raw(on: boolean): unknown;
}

/** The part of a `DatabaseSync` of `node:sqlite` that is used. */
export interface NodeSqliteDatabase {
  readonly isOpen?: boolean;
  location?(): string | null;
  prepare(sql: string): NodeSqliteStatement;
  exec(sql: string): unknown;
  close(): unknown;
}

/** The part of a `StatementSync` of `node:sqlite` that is used. */
export interface NodeSqliteStatement {
  all(...parameters: never[]): unknown[];
  run(...parameters: never[]): { changes: number | bigint };
  setReadBigInts(on: boolean): unknown;
}

/** An open database of either driver. */
export type SqliteDatabase = BetterSqliteDatabase | NodeSqliteDatabase;

/** The options of {@link SqliteTokenStore}: a `path` or a `database`. */
export interface SqliteTokenStoreOptions extends PersistentStoreOptions {
  /** The database file, which is created if it is missing; or `:memory:`. */
  readonly path?: string | undefined;
  /**
   * An open `Database` of better-sqlite3 or `DatabaseSync` of `node:sqlite`. It is never closed, and its pragmas are
   * left alone. One warning of the process says that its `synchronous` is `OFF`.
   */
  readonly database?: SqliteDatabase | undefined;
  /**
   * SQLite's `synchronous` for a file that the store opens. With `FULL`, a save that resolved survives a
   * power cut; with `NORMAL`, only a crash of the process. https://www.sqlite.org/pragma.html#pragma_synchronous
   */
  readonly synchronous?: "FULL" | "NORMAL" | undefined;
}

export interface CheckedOptions extends CheckedStoreOptions {
  readonly path: string | undefined;
  readonly database: SqliteDatabase | undefined;
  readonly synchronous: "FULL" | "NORMAL";
}

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(input: string | SqliteTokenStoreOptions): CheckedOptions {
  const options = typeof input === "string" ? { path: input } : input;
  const common = checkStoreOptions(options, ["open", "encryption", "path", "database", "synchronous"]);
  const { path, database, synchronous = "FULL" } = options;
  if (path === undefined && database === undefined) {
    throw invalidOption(
      "Give a path, or an open database. If the path comes from an environment variable, is it set?",
    );
  }
  if (path !== undefined && database !== undefined)
    throw invalidOption("Give a path or a database, not both.");
  if (path !== undefined) checkPath(path);
  if (database !== undefined) checkDatabase(database);
  if (synchronous !== "FULL" && synchronous !== "NORMAL") {
    throw invalidOption('synchronous must be "FULL" or "NORMAL".');
  }
  return { ...common, path, database, synchronous };
}

function checkPath(path: unknown): void {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw invalidOption('path must be the path of a file, or ":memory:".');
  }
  // better-sqlite3 trims a path, so that the store and the driver would open two different files.
  if (path.trim() !== path) throw invalidOption("path begins or ends with white space. Remove it.");
  if (/^file:/i.test(path)) {
    throw invalidOption("path is a file: URL. Give the path: fileURLToPath(url), from node:url.");
  }
}

function checkDatabase(database: unknown): void {
  const handle = database as Partial<BetterSqliteDatabase & NodeSqliteDatabase> | null;
  if (typeof handle?.prepare !== "function" || typeof handle.exec !== "function") {
    throw invalidOption(
      "database must be an open Database of better-sqlite3 or DatabaseSync of node:sqlite. Of knex, drizzle or " +
        "another layer, pass the driver's own handle.",
    );
  }
  if (handle.open === false || handle.isOpen === false)
    throw invalidOption("database is closed. Open it first.");
}
