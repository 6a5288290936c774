import {
  type Lookup,
  type LookupKind,
  type Place,
  type RecordKeys,
  TOKEN_COLUMNS,
  type TokenRecord,
} from "@tokenkeep/core";
import type { SqliteDatabase, SqliteStatement } from "./options.js";

const KEY_COLUMNS = {
  userClient: "user_client_key",
  grantToken: "grant_token_key",
  refreshToken: "refresh_token_key",
  accessToken: "access_token_key",
  user: "user_key",
} as const satisfies Record<keyof RecordKeys, string>;

const KINDS = Object.keys(KEY_COLUMNS) as (keyof RecordKeys)[];
const COLUMNS = [...TOKEN_COLUMNS.map(({ column }) => column), ...Object.values(KEY_COLUMNS)];
/** A row comes back in the shape of a record, by its columns' aliases. */
const RECORD = TOKEN_COLUMNS.map(({ column, property }) => `${column} AS ${property}`).join(", ");
const FROM = `SELECT ${RECORD} FROM tokenkeep_tokens WHERE namespace = ?`;

/** The statements of one namespace, prepared once. */
export class Statements {
  readonly #namespace: string;
  readonly #finds: Readonly<Record<LookupKind, SqliteStatement>>;
  readonly #insert: SqliteStatement;
  readonly #replace: SqliteStatement;
  readonly #remove: SqliteStatement;
  readonly #clear: SqliteStatement;
  readonly #scan: SqliteStatement;

  constructor(database: SqliteDatabase, namespace: string) {
    this.#namespace = namespace;
    const prepare = (sql: string): SqliteStatement => {
      const statement = database.prepare(sql);
      statement.safeIntegers(false);
      return statement;
    };
    this.#finds = {
      id: prepare(`${FROM} AND id = ?`),
      userClient: prepare(`${FROM} AND user_client_key = ?`),
      grantToken: prepare(`${FROM} AND grant_token_key = ?`),
      refreshToken: prepare(`${FROM} AND refresh_token_key = ?`),
      accessToken: prepare(`${FROM} AND access_token_key = ?`),
      user: prepare(`${FROM} AND user_key = ? ORDER BY saved_at DESC LIMIT 1`),
    };
    const values = COLUMNS.map(() => "?").join(", ");
    this.#insert = prepare(
      `INSERT INTO tokenkeep_tokens (namespace, ${COLUMNS.join(", ")}) VALUES (?, ${values}) ON CONFLICT DO NOTHING`,
    );
    // what is unique decides here too: a row that would break it is left as it is
    this.#replace = prepare(
      `UPDATE OR IGNORE tokenkeep_tokens SET ${COLUMNS.map((column) => `${column} = ?`).join(", ")}
       WHERE namespace = ? AND id = ? AND etag = ?`,
    );
    this.#remove = prepare("DELETE FROM tokenkeep_tokens WHERE namespace = ? AND id = ?");
    this.#clear = prepare("DELETE FROM tokenkeep_tokens WHERE namespace = ?");
    this.#scan = prepare(`${FROM} AND (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?`);
  }

  find({ kind, key }: Lookup): TokenRecord | undefined {
    return this.#finds[kind].get(this.#namespace, key) as TokenRecord | undefined;
  }

  insert(record: TokenRecord, keys: RecordKeys): boolean {
    return this.#insert.run(this.#namespace, ...valuesOf(record, keys)).changes === 1;
  }

  replace(record: TokenRecord, keys: RecordKeys, etag: string): boolean {
    return this.#replace.run(...valuesOf(record, keys), this.#namespace, record.id, etag).changes === 1;
  }

  remove(id: string): void {
    this.#remove.run(this.#namespace, id);
  }

  clear(): void {
    this.#clear.run(this.#namespace);
  }

  scan(after: Place | null, limit: number | null): TokenRecord[] {
    const { createdAt, id } = after ?? { createdAt: Number.MIN_SAFE_INTEGER, id: "" };
    return this.#scan.all(this.#namespace, createdAt, id, limit ?? -1) as TokenRecord[];
  }
}

function valuesOf(record: TokenRecord, keys: RecordKeys): unknown[] {
  return [...TOKEN_COLUMNS.map(({ property }) => record[property]), ...KINDS.map((kind) => keys[kind])];
}
