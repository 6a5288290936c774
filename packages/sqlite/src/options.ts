import { checkStoreOptions, invalidOption, type StoreOptions } from "@tokenkeep/core";

/** The part of a better-sqlite3 `Statement` that is used. */
export interface SqliteStatement {
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number };
  safeIntegers(on: boolean): unknown;
  raw(on: boolean): unknown;
}

/** The part of a better-sqlite3 `Database` that is used. */
export interface SqliteDatabase {
  readonly open: boolean;
  readonly memory: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  pragma(text: string, options?: { simple?: boolean }): unknown;
  transaction<T>(work: () => T): { immediate(): T };
  close(): unknown;
}

/** The options of {@link SqliteTokenStore}: a `path` or a `database`. */
export interface SqliteTokenStoreOptions extends StoreOptions {
  /** The database file, which is made if it is not there; or `:memory:`. */
  readonly path?: string | undefined;
  /** A better-sqlite3 `Database` that is open already. Never closed, and its pragmas are left alone. */
  readonly database?: SqliteDatabase | undefined;
  /**
   * SQLite's `synchronous` for a file that the store opens. With `FULL`, a save that resolved survives a
   * power cut; with `NORMAL`, only a crash of the process. https://www.sqlite.org/pragma.html#pragma_synchronous
   */
  readonly synchronous?: "FULL" | "NORMAL" | undefined;
  /**
   * Whether to bring the records of Zoho's sample (table `oauthtoken`) over, once. By default true for a
   * file that has no other tables, false otherwise.
   */
  readonly adopt?: boolean | undefined;
}

export interface CheckedOptions {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly path: string | undefined;
  readonly database: SqliteDatabase | undefined;
  readonly synchronous: "FULL" | "NORMAL";
  readonly adopt: boolean | undefined;
}

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(input: string | SqliteTokenStoreOptions): CheckedOptions {
  const options = typeof input === "string" ? { path: input } : input;
  const common = checkStoreOptions(options, ["path", "database", "synchronous", "adopt"]);
  const { path, database, synchronous = "FULL", adopt } = options;
  if ((path === undefined) === (database === undefined)) {
    throw invalidOption("Give a path, or a database that is open.");
  }
  if (path !== undefined && (typeof path !== "string" || path === "" || path.includes("\0"))) {
    throw invalidOption('path must be the path of a file, or ":memory:".');
  }
  if (database !== undefined && (typeof database?.prepare !== "function" || !database.open)) {
    throw invalidOption("database must be a better-sqlite3 Database that is open.");
  }
  if (synchronous !== "FULL" && synchronous !== "NORMAL") {
    throw invalidOption('synchronous must be "FULL" or "NORMAL".');
  }
  if (adopt !== undefined && typeof adopt !== "boolean") throw invalidOption("adopt must be true or false.");
  return { ...common, path, database, synchronous, adopt };
}
