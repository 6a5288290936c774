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
/** What a record's next version can change. */
const SET = TOKEN_COLUMNS.filter(({ property }) => property !== "id" && property !== "createdAt");
const COLUMNS = [...TOKEN_COLUMNS.map(({ column }) => column), ...Object.values(KEY_COLUMNS)];
/** In the order in which `recordOf` takes them. */
const RECORD = TOKEN_COLUMNS.map(({ column }) => column).join(", ");
const FROM = `SELECT ${RECORD} FROM tokenkeep_tokens WHERE namespace = ?`;

/** The statements of one namespace, prepared once. */
export class Statements {
  readonly #namespace: string;
  readonly #finds: Readonly<Record<LookupKind, SqliteStatement>>;
  readonly #insert: SqliteStatement;
  readonly #prepare: (sql: string) => SqliteStatement;
  /** By the keys that change: SQLite writes an index anew for every column that is set, changed or not. */
  readonly #replaces = new Map<string, SqliteStatement>();
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
    this.#prepare = prepare;
    // rows as arrays: a driver that names the columns of each row takes a quarter longer
    const prepareRead = (sql: string): SqliteStatement => {
      const statement = prepare(sql);
      statement.raw(true);
      return statement;
    };
    this.#finds = {
      id: prepareRead(`${FROM} AND id = ?`),
      userClient: prepareRead(`${FROM} AND user_client_key = ?`),
      grantToken: prepareRead(`${FROM} AND grant_token_key = ?`),
      refreshToken: prepareRead(`${FROM} AND refresh_token_key = ?`),
      accessToken: prepareRead(`${FROM} AND access_token_key = ?`),
      user: prepareRead(`${FROM} AND user_key = ? ORDER BY saved_at DESC LIMIT 1`),
    };
    const values = COLUMNS.map(() => "?").join(", ");
    this.#insert = prepare(
      `INSERT INTO tokenkeep_tokens (namespace, ${COLUMNS.join(", ")}) VALUES (?, ${values}) ON CONFLICT DO NOTHING`,
    );
    this.#remove = prepare("DELETE FROM tokenkeep_tokens WHERE namespace = ? AND id = ?");
    this.#clear = prepare("DELETE FROM tokenkeep_tokens WHERE namespace = ?");
    this.#scan = prepareRead(`${FROM} AND (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?`);
  }

  find({ kind, key }: Lookup): TokenRecord | undefined {
    const row = this.#finds[kind].get(this.#namespace, key);
    return row === undefined ? undefined : recordOf(row as Row);
  }

  insert(record: TokenRecord, keys: RecordKeys): boolean {
    return this.#insert.run(this.#namespace, ...valuesOf(record, keys)).changes === 1;
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): boolean {
    const changed = KINDS.filter((kind) => isChanged(kind, record, previous));
    const statement = this.#replaceOf(changed);
    const values: unknown[] = SET.map(({ property }) => record[property]);
    for (const kind of changed) values.push(keys[kind]);
    return statement.run(...values, this.#namespace, record.id, previous.etag).changes === 1;
  }

  #replaceOf(changed: readonly (keyof RecordKeys)[]): SqliteStatement {
    const name = changed.join();
    let statement = this.#replaces.get(name);
    if (statement === undefined) {
      const columns = [...SET.map(({ column }) => column), ...changed.map((kind) => KEY_COLUMNS[kind])];
      // what is unique decides here too: a row that would break it is left as it is
      statement = this.#prepare(
        `UPDATE OR IGNORE tokenkeep_tokens SET ${columns.map((column) => `${column} = ?`).join(", ")}
         WHERE namespace = ? AND id = ? AND etag = ?`,
      );
      this.#replaces.set(name, statement);
    }
    return statement;
  }

  remove(id: string): void {
    this.#remove.run(this.#namespace, id);
  }

  clear(): void {
    this.#clear.run(this.#namespace);
  }

  scan(after: Place | null, limit: number | null): TokenRecord[] {
    const { createdAt, id } = after ?? { createdAt: Number.MIN_SAFE_INTEGER, id: "" };
    return this.#scan.all(this.#namespace, createdAt, id, limit ?? -1).map((row) => recordOf(row as Row));
  }
}

type Text = string | null;
type Row = [
  string,
  Text,
  Text,
  Text,
  Text,
  Text,
  Text,
  number | null,
  Text,
  Text,
  number,
  string,
  number,
  number,
];

function recordOf(row: Row): TokenRecord {
  return {
    id: row[0],
    userName: row[1],
    clientId: row[2],
    clientSecret: row[3],
    refreshToken: row[4],
    accessToken: row[5],
    grantToken: row[6],
    expiresAt: row[7],
    redirectUrl: row[8],
    apiDomain: row[9],
    revision: row[10],
    etag: row[11],
    createdAt: row[12],
    savedAt: row[13],
  };
}

function valuesOf(record: TokenRecord, keys: RecordKeys): unknown[] {
  return [...TOKEN_COLUMNS.map(({ property }) => record[property]), ...KINDS.map((kind) => keys[kind])];
}

function isChanged(kind: keyof RecordKeys, record: TokenRecord, previous: TokenRecord): boolean {
  if (kind === "user") return record.userName !== previous.userName;
  if (kind === "userClient") {
    return record.userName !== previous.userName || record.clientId !== previous.clientId;
  }
  return record[kind] !== previous[kind];
}
