import { closeSync, constants, openSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { TokenStoreError } from "@tokenkeep/core";
import { codeOf, type Deadline, invalidOption, type MaybePromise } from "@tokenkeep/core/backend";
import type { SqlConnection, SqlResult, SqlStatement, SqlValue } from "@tokenkeep/core/sql";
import { isBusy } from "./errors.js";
import type { BetterSqliteDatabase, NodeSqliteDatabase, SqliteDatabase } from "./options.js";

/**
 * How long SQLite itself may wait for a lock, in milliseconds: it blocks the event loop meanwhile. The rest of the
 * call's time is waited for without.
 */
const BUSY_TIMEOUT_MS = 20;
/** How much of a call's time is left to say that the database stayed locked, in milliseconds. */
const LAST_WORD_MS = 30;

type Run = (values: readonly SqlValue[]) => SqlResult;

/** An open database of either driver. */
export class SqliteConnection implements SqlConnection {
  readonly #database: SqliteDatabase;
  readonly #statements = new Map<string, Run>();

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** Runs a statement at once; where another process holds the lock, again and again until the deadline. */
  run({ sql, values, isRead }: SqlStatement, deadline: Deadline): MaybePromise<SqlResult> {
    let run = this.#statements.get(sql);
    if (run === undefined) {
      run = this.#prepare(sql, isRead);
      this.#statements.set(sql, run);
    }
    const prepared = run;
    return whenFree(() => prepared(values), deadline);
  }

  #prepare(sql: string, isRead: boolean): Run {
    return isBetterSqlite(this.#database)
      ? prepareBetter(this.#database, sql, isRead)
      : prepareNode(this.#database, sql, isRead);
  }

  /** The rows of a statement without parameters. */
  rows(sql: string): readonly (readonly unknown[])[] {
    return this.#prepare(sql, true)([]).rows;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  /** Runs `work` in a transaction that has the write lock from its start. */
  transaction(work: () => void): void {
    this.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.exec("COMMIT");
    } catch (error) {
      this.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

/** Whether records are kept in memory alone. */
export function isInMemory(path: string | undefined, database: SqliteDatabase | undefined): boolean {
  if (database === undefined) return path === ":memory:";
  return isBetterSqlite(database) ? database.memory : database.location?.() === null;
}

function isBetterSqlite(database: SqliteDatabase): database is BetterSqliteDatabase {
  return "memory" in database;
}

function prepareBetter(database: BetterSqliteDatabase, sql: string, isRead: boolean): Run {
  const statement = database.prepare(sql);
  // The caller's database may be set to return bigints.
  statement.safeIntegers(false);
  if (isRead) {
    statement.raw(true);
    return (values) => ({ rows: statement.all(...values) as unknown[][], changes: 0 });
  }
  return (values) => ({ rows: [], changes: Number(statement.run(...values).changes) });
}

function prepareNode(database: NodeSqliteDatabase, sql: string, isRead: boolean): Run {
  const statement = database.prepare(sql);
  statement.setReadBigInts(false);
  if (isRead) {
    return (values) => ({
      rows: statement.all(...(values as never[])).map((row) => Object.values(row as object)),
      changes: 0,
    });
  }
  return (values) => ({ rows: [], changes: Number(statement.run(...(values as never[])).changes) });
}

/** Does it now; where another process holds the lock, again and again until the deadline. */
export function whenFree<T>(work: () => T, deadline: Deadline): MaybePromise<T> {
  try {
    return work();
  } catch (error) {
    if (!isBusy(error)) throw error;
    return whenFreeLater(work, deadline);
  }
}

async function whenFreeLater<T>(work: () => T, deadline: Deadline): Promise<T> {
  for (;;) {
    await sleep(1 + Math.random() * 20);
    deadline.check();
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || deadline.remainingMs < LAST_WORD_MS) throw error;
    }
  }
}

/** Opens a file, or memory, with the driver that there is. */
export function openDatabase(path: string, mode: "create" | "existing"): MaybePromise<SqliteDatabase> {
  if (path !== ":memory:") {
    if (mode === "create") createPrivate(path);
    else checkExists(path);
  }
  const own = process.getBuiltinModule?.("node:sqlite") as NodeSqlite | undefined;
  if (own !== undefined) return new own.DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  return importBetterSqlite().then((Database) => new Database(path, { timeout: BUSY_TIMEOUT_MS }));
}

interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: { timeout: number }) => NodeSqliteDatabase;
}

type BetterSqlite = new (path: string, options: { timeout: number }) => BetterSqliteDatabase;

async function importBetterSqlite(): Promise<BetterSqlite> {
  let Database: { readonly prototype: object };
  try {
    // Within a `try`, bundlers know that it may be missing.
    Database = (await import("better-sqlite3")).default;
  } catch (error) {
    if (codeOf(error) !== "ERR_MODULE_NOT_FOUND") throw error;
    throw wrongDriver(
      "this runtime has no node:sqlite (Node 22.13 or newer has), and better-sqlite3 is not installed",
    );
  }
  // `explain` came with 13, which ends a process of Node 20 with a segmentation fault.
  if ("explain" in Database.prototype && Number.parseInt(process.versions.node, 10) < 22) {
    throw wrongDriver("better-sqlite3 13 needs Node 22 or newer");
  }
  return Database as BetterSqlite;
}

function wrongDriver(what: string): TokenStoreError {
  const message = `sqlite: ${what}. Run: npm install better-sqlite3@12`;
  return new TokenStoreError("ERR_UNAVAILABLE", message, { retryable: false });
}

/** Creates a missing file for its owner alone. SQLite gives -wal and -shm the same mode. */
function createPrivate(path: string): void {
  try {
    // Without O_EXCL, so that a symbolic link to a missing file creates that.
    const isNew = statSync(path, { throwIfNoEntry: false }) === undefined;
    if (isNew) closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600));
    else if (statSync(path).isDirectory()) throw isDirectory(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw invalidOption(`sqlite: the directory of ${path} does not exist. Create it first.`);
    }
    throw error;
  }
}

function checkExists(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) throw isDirectory(path);
  if (stats !== undefined) return;
  throw new TokenStoreError("ERR_SCHEMA", `sqlite: the file ${path} does not exist. Check the path.`);
}

function isDirectory(path: string): TokenStoreError {
  return invalidOption(`sqlite: ${path} is a directory. Name a file.`);
}
