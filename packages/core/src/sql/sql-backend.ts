import type { Backend, Cursor, MaybePromise } from "../backend.js";
import { chain } from "../chain.js";
import { type Deadline, isPromise } from "../deadline.js";
import type { TokenStoreError } from "../errors.js";
import { KEY_KINDS, keysOf, type Lookup, type LookupKind, type RecordKeys } from "../lookups.js";
import { decodeRecord, encodeRecord, type TokenRecord } from "../record.js";
import {
  type Dialect,
  KEY_COLUMNS,
  type SqlConnection,
  type SqlResult,
  type SqlTables,
  SqlTexts,
  type SqlValue,
} from "./dialect.js";
import { SqlLeases } from "./sql-leases.js";

/** Where a {@link SqlBackend} keeps its records. */
export interface SqlBackendSettings {
  /** How statements reach the database. */
  readonly connection: SqlConnection;
  /** Where its SQL differs. */
  readonly dialect: Dialect;
  /** The two tables. */
  readonly tables: SqlTables;
  /** Which of the stores in these tables. */
  readonly namespace: string;
}

const SELECT = "SELECT record FROM {tokens} WHERE namespace = ?";

/**
 * Records in a table of a SQL database: one autocommitted statement for each method, and unique indexes that decide
 * what is unique. A subclass opens and closes the database, and translates its errors.
 */
export abstract class SqlBackend implements Backend {
  readonly name: string;
  abstract readonly durable: boolean;
  abstract readonly shared: boolean;
  readonly namespaces = true;
  readonly leases: SqlLeases;
  readonly #connection: SqlConnection;
  readonly #dialect: Dialect;
  readonly #texts: SqlTexts;
  readonly #namespace: SqlValue;
  readonly #finds: Readonly<Record<LookupKind, string>>;
  readonly #insert: string;
  readonly #remove: string;
  readonly #clear: string;

  /**
   * Prepares the statements; nothing is opened yet.
   * @param settings the database and its tables
   */
  constructor(settings: SqlBackendSettings) {
    const { connection, dialect, tables, namespace } = settings;
    this.name = dialect.name;
    this.#connection = connection;
    this.#dialect = dialect;
    this.#namespace = dialect.text(namespace);
    this.leases = new SqlLeases(connection, dialect, tables, namespace);
    this.#texts = new SqlTexts(dialect, tables);
    const find = (column: string) => `${SELECT} AND ${column} = ?`;
    this.#finds = {
      id: find("id"),
      userClient: find(KEY_COLUMNS.userClient),
      grantToken: find(KEY_COLUMNS.grantToken),
      refreshToken: find(KEY_COLUMNS.refreshToken),
      accessToken: find(KEY_COLUMNS.accessToken),
      // A SELECT of a UNION has no ORDER BY of its own.
      user: `SELECT record FROM (${find(KEY_COLUMNS.user)} ORDER BY saved_at DESC LIMIT 1) AS latest`,
    };
    const columns = [
      "namespace",
      "id",
      "etag",
      "created_at",
      "saved_at",
      "record",
      ...KEY_KINDS.map(columnOf),
    ];
    this.#insert = this.#texts.text(
      `INSERT INTO {tokens} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")}) ${dialect.onConflict}`,
    );
    this.#remove = this.#texts.text("DELETE FROM {tokens} WHERE namespace = ? AND id = ? AND etag = ?");
    this.#clear = this.#texts.text("DELETE FROM {tokens} WHERE namespace = ?");
  }

  abstract open(deadline: Deadline): MaybePromise<void>;
  abstract close(): MaybePromise<void>;
  abstract toStoreError(error: unknown): TokenStoreError | undefined;

  read(lookups: readonly Lookup[], deadline: Deadline): MaybePromise<TokenRecord[]> {
    // One statement sees one state of the table. An IN of two keys of one index would take MySQL twice as long.
    const sql = lookups.map(({ kind }) => this.#finds[kind]).join(" UNION ALL ");
    const values = lookups.flatMap(({ kind, key }) => [
      this.#namespace,
      kind === "id" ? this.#dialect.text(key) : key,
    ]);
    return this.#select(this.#texts.text(sql), values, deadline);
  }

  insert(record: TokenRecord, keys: RecordKeys, deadline: Deadline): MaybePromise<boolean> {
    const { id, etag, createdAt, savedAt } = record;
    const stamp = [this.#namespace, this.#dialect.text(id), etag, createdAt, savedAt];
    const values = [...stamp, encodeRecord(record), ...KEY_KINDS.map((kind) => keys[kind])];
    return this.#write(this.#insert, values, deadline);
  }

  replace(
    record: TokenRecord,
    keys: RecordKeys,
    previous: TokenRecord,
    deadline: Deadline,
  ): MaybePromise<boolean> {
    const { id, etag, createdAt, savedAt } = record;
    const columns = ["etag", "saved_at", "record"];
    const values: SqlValue[] = [etag, savedAt, encodeRecord(record)];
    // A database writes every index whose column is set, whether or not it changes.
    const previousKeys = keysOf(previous);
    for (const kind of KEY_KINDS) {
      if (keys[kind] === previousKeys[kind]) continue;
      columns.push(columnOf(kind));
      values.push(keys[kind]);
    }
    if (createdAt !== previous.createdAt) {
      columns.push("created_at");
      values.push(createdAt);
    }
    const set = columns.map((column) => `${column} = ?`).join(", ");
    const sql = this.#texts.text(`UPDATE {tokens} SET ${set} WHERE namespace = ? AND id = ? AND etag = ?`);
    values.push(this.#namespace, this.#dialect.text(id), previous.etag);
    return this.#write(sql, values, deadline);
  }

  remove({ id, etag }: TokenRecord, deadline: Deadline): MaybePromise<boolean> {
    return this.#write(this.#remove, [this.#namespace, this.#dialect.text(id), etag], deadline);
  }

  clear(deadline: Deadline): MaybePromise<void> {
    return chain(this.#run(this.#clear, [this.#namespace], deadline, false), () => {});
  }

  scan(after: Cursor | null, limit: number | null, deadline: Deadline): MaybePromise<TokenRecord[]> {
    const values: SqlValue[] = [this.#namespace];
    let sql = SELECT;
    if (after !== null) {
      sql += " AND created_at >= ? AND (created_at > ? OR id > ?)";
      values.push(after.createdAt, after.createdAt, this.#dialect.text(after.id));
    }
    sql += " ORDER BY created_at, id";
    // Not a parameter, since MySQL takes no number for it in a prepared statement.
    if (limit !== null) sql += ` LIMIT ${Math.trunc(limit)}`;
    return this.#select(this.#texts.text(sql), values, deadline);
  }

  #select(sql: string, values: SqlValue[], deadline: Deadline): MaybePromise<TokenRecord[]> {
    return chain(this.#run(sql, values, deadline, true), ({ rows }) => {
      return rows.map(([text]) => decodeRecord(textOf(text), `${this.name}: a record`));
    });
  }

  /** A write whose unique index may refuse it. */
  #write(sql: string, values: SqlValue[], deadline: Deadline): MaybePromise<boolean> {
    const orRefused = (error: unknown): boolean => {
      if (this.#dialect.isDuplicate(error)) return false;
      throw error;
    };
    try {
      const result = this.#run(sql, values, deadline, false);
      return isPromise(result) ? result.then(({ changes }) => changes > 0, orRefused) : result.changes > 0;
    } catch (error) {
      return orRefused(error);
    }
  }

  #run(
    sql: string,
    values: readonly SqlValue[],
    deadline: Deadline,
    isRead: boolean,
  ): MaybePromise<SqlResult> {
    return this.#connection.run({ sql, values, isRead }, deadline);
  }
}

function columnOf(kind: keyof RecordKeys): string {
  return KEY_COLUMNS[kind];
}

// Some drivers return text of a binary collation as bytes.
function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value);
}
