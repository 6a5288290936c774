import type { TokenStoreError } from "@tokenkeep/core";
import { type Deadline, isPromise, type MaybePromise } from "@tokenkeep/core/backend";
import { type Dialect, SqlBackend, type SqlConnection } from "@tokenkeep/core/sql";
import { isInMemory, openDatabase, SqliteConnection, whenFree } from "./connection.js";
import { isDuplicate, toStoreError } from "./errors.js";
import type { CheckedOptions, SqliteDatabase } from "./options.js";
import { checkCurrent, migrate, TABLES, versionOf } from "./schema.js";

const DIALECT: Dialect = {
  name: "sqlite",
  placeholder: () => "?",
  now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
  onConflict: "ON CONFLICT DO NOTHING",
  isDuplicate,
  text: (text) => text,
};

/** Records in a SQLite database, which answers at once. */
export class SqliteBackend extends SqlBackend {
  readonly durable: boolean;
  readonly shared: boolean;
  readonly #options: CheckedOptions;
  readonly #opened: { connection?: SqliteConnection };

  constructor(options: CheckedOptions) {
    // The statements ask for the connection when they run, since it is there only once the store is open.
    const opened: { connection?: SqliteConnection } = {};
    const connection: SqlConnection = {
      run: (statement, deadline) => opened.connection!.run(statement, deadline),
    };
    super({ connection, dialect: DIALECT, tables: TABLES, namespace: options.namespace });
    this.#opened = opened;
    this.#options = options;
    this.durable = !isInMemory(options.path, options.database);
    this.shared = this.durable;
  }

  open(deadline: Deadline): MaybePromise<void> {
    const { path, database, open } = this.#options;
    const opened = database ?? openDatabase(path!, open);
    return isPromise(opened)
      ? opened.then((handle) => this.#setUp(handle, deadline))
      : this.#setUp(opened, deadline);
  }

  #setUp(database: SqliteDatabase, deadline: Deadline): MaybePromise<void> {
    const connection = new SqliteConnection(database);
    const isOwn = this.#options.database === undefined;
    const closing = (error: unknown): never => {
      if (isOwn) connection.close();
      throw error;
    };
    const setUp = () => {
      if (this.#options.open === "existing") {
        checkCurrent(connection);
      } else {
        // A file that is not ours is refused before a byte of it is changed.
        versionOf(connection, isOwn);
        if (isOwn) connection.exec("PRAGMA journal_mode = WAL");
        migrate(connection, isOwn);
      }
      if (isOwn) connection.exec(`PRAGMA synchronous = ${this.#options.synchronous}`);
      else if (this.durable) warnOfLaxCommits(connection);
      this.#opened.connection = connection;
    };
    try {
      const done = whenFree(setUp, deadline);
      return isPromise(done) ? done.catch(closing) : done;
    } catch (error) {
      return closing(error);
    }
  }

  /** Rewrites the file and empties the WAL, so that nothing that was deleted or replaced is left in them. */
  compact(deadline: Deadline): MaybePromise<void> {
    const connection = this.#opened.connection!;
    const truncate = () =>
      whenFree(() => {
        // A reader of another process that keeps the WAL is no error to SQLite: the first column says so.
        const [[isBlocked] = []] = connection.rows("PRAGMA wal_checkpoint(TRUNCATE)");
        if (isBlocked === 1) throw Object.assign(new Error("database is locked"), { code: "SQLITE_BUSY" });
      }, deadline);
    const vacuumed = whenFree(() => connection.exec("VACUUM"), deadline);
    return isPromise(vacuumed) ? vacuumed.then(truncate) : truncate();
  }

  /** The rows of a statement without parameters, for tests and `doctor`. */
  rows(sql: string): readonly (readonly unknown[])[] {
    return this.#opened.connection!.rows(sql);
  }

  close(): void {
    if (this.#options.database === undefined) this.#opened.connection?.close();
  }

  toStoreError(error: unknown): TokenStoreError | undefined {
    return toStoreError(error);
  }
}

let hasWarned = false;

// Each connection has its own setting, so nothing but the store that uses it can find out.
function warnOfLaxCommits(connection: SqliteConnection): void {
  if (hasWarned || connection.rows("PRAGMA synchronous")[0]?.[0] !== 0) return;
  hasWarned = true;
  process.emitWarning(
    "The SQLite database that a store was given has synchronous=OFF: after a power cut it may lack the last tokens, or be " +
      "damaged. Run on it: PRAGMA synchronous = FULL",
    { code: "TOKENKEEP_SQLITE_SYNCHRONOUS" },
  );
}
