import {
  type Backend,
  type Lookup,
  type LookupKind,
  type Place,
  type RecordKeys,
  TOKEN_COLUMNS,
  type TokenRecord,
  TokenStoreError,
} from "@tokenkeep/core";
import { type Adoption, type AdoptionReport, adopt, reportIn } from "./adopt.js";
import type { Connections, Value } from "./connections.js";
import { DUPLICATE, errnoOf, explainError } from "./failures.js";
import { MysqlLeases } from "./mysql-leases.js";
import { LOCKS_SUFFIX, quoteName } from "./names.js";
import { openSchema, type SchemaSettings } from "./schema.js";

/**
 * Text goes to the server as hexadecimal digits and comes back as bytes: so it survives whatever charset
 * the caller's connections have.
 */
const TEXT = "CONVERT(UNHEX(?) USING utf8mb4)";

const KEY_COLUMNS: readonly { kind: keyof RecordKeys; column: string }[] = [
  { kind: "userClient", column: "user_client_key" },
  { kind: "grantToken", column: "grant_token_key" },
  { kind: "refreshToken", column: "refresh_token_key" },
  { kind: "accessToken", column: "access_token_key" },
  { kind: "user", column: "user_key" },
];

const SELECTED: string = TOKEN_COLUMNS.map(({ column, type }) =>
  type === "string" ? `CAST(${column} AS BINARY)` : column,
).join(", ");

const PLACEHOLDERS: string[] = TOKEN_COLUMNS.map(({ column, type }) =>
  type === "string" && column !== "etag" ? TEXT : "?",
);

export interface MysqlBackendSettings extends SchemaSettings {
  readonly namespace: string;
  readonly secrets: readonly string[];
  readonly adoption: Adoption | undefined;
  /** Ends the pool; undefined where it is the caller's. */
  readonly end: (() => Promise<void>) | undefined;
}

/** Records in one table, found by unique indexes; each method is one autocommitted statement. */
export class MysqlBackend implements Backend {
  readonly name = "mysql";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly leases: MysqlLeases;
  readonly secrets: readonly string[];
  readonly #connections: Connections;
  readonly #settings: MysqlBackendSettings;
  readonly #namespace: string;
  readonly #table: string;
  readonly #insert: string;
  readonly #replace: string;
  /** The statement of a find, by the kinds of its lookups. There are few. */
  readonly #reads = new Map<string, string>();

  constructor(connections: Connections, settings: MysqlBackendSettings) {
    this.#connections = connections;
    this.#settings = settings;
    this.secrets = settings.secrets;
    this.#namespace = hex(settings.namespace);
    this.#table = quoteName(settings.table);
    this.leases = new MysqlLeases(connections, quoteName(settings.table + LOCKS_SUFFIX), this.#namespace);
    const keys = KEY_COLUMNS.map(({ column }) => column);
    const columns = [...TOKEN_COLUMNS.map(({ column }) => column), ...keys];
    const values = [...PLACEHOLDERS, ...keys.map(() => "?")];
    this.#insert = `INSERT INTO ${this.#table} (namespace, ${columns.join(", ")}) VALUES (${TEXT}, ${values.join(", ")})`;
    const assignments = columns.map((column, index) => `${column} = ${values[index]}`);
    this.#replace = `UPDATE ${this.#table} SET ${assignments.join(", ")} WHERE namespace = ${TEXT} AND id = ${TEXT} AND etag = ?`;
  }

  async open(): Promise<void> {
    await openSchema(this.#connections, this.#settings);
    const { adoption } = this.#settings;
    if (adoption !== undefined) {
      await adopt(adoption, this.#connections, this.#settings, (record, keys) => ({
        sql: this.#insert,
        values: this.#valuesOf(record, keys),
      }));
    }
  }

  async adoption(): Promise<AdoptionReport | null> {
    const { adoption, table } = this.#settings;
    return adoption === undefined ? null : reportIn(this.#connections, table, adoption);
  }

  async close(): Promise<void> {
    await this.#settings.end?.();
  }

  async read(lookups: readonly Lookup[]): Promise<TokenRecord[]> {
    const groups = groupsOf(lookups);
    const values = groups.flatMap(({ kind, keys }): Value[] => [
      this.#namespace,
      ...(kind === "id" ? keys.map(hex) : keys),
    ]);
    const { rows } = await this.#connections.run(this.#readOf(groups), values);
    return rows.map(recordOf);
  }

  // One SELECT per kind of lookup: each goes by its own index, which an OR over several need not do.
  #readOf(groups: readonly LookupGroup[]): string {
    const name = groups.map(({ kind, keys }) => `${kind} ${keys.length}`).join();
    let sql = this.#reads.get(name);
    if (sql === undefined) {
      const selects = groups.map((group) => this.#select(group));
      sql = selects.length === 1 ? selects[0]! : selects.map((select) => `(${select})`).join(" UNION ALL ");
      this.#reads.set(name, sql);
    }
    return sql;
  }

  #select({ kind, keys }: LookupGroup): string {
    const select = `SELECT ${SELECTED} FROM ${this.#table} WHERE namespace = ${TEXT} AND`;
    if (kind === "id") return `${select} id IN (${keys.map(() => TEXT).join(", ")})`;
    const column = KEY_COLUMNS.find((key) => key.kind === kind)!.column;
    if (kind === "user") return `${select} ${column} = ? ORDER BY saved_at DESC LIMIT 1`;
    return `${select} ${column} IN (${keys.map(() => "?").join(", ")})`;
  }

  insert(record: TokenRecord, keys: RecordKeys): Promise<boolean> {
    return this.#write(this.#insert, this.#valuesOf(record, keys));
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
    const [namespace = null, ...values] = this.#valuesOf(record, keys);
    return this.#write(this.#replace, [...values, namespace, hex(previous.id), previous.etag]);
  }

  async #write(sql: string, values: readonly Value[]): Promise<boolean> {
    try {
      return (await this.#connections.run(sql, values)).affectedRows > 0;
    } catch (error) {
      if (errnoOf(error) === DUPLICATE) return false;
      throw error;
    }
  }

  #valuesOf(record: TokenRecord, keys: RecordKeys): Value[] {
    const values: Value[] = [this.#namespace];
    for (const { property, column } of TOKEN_COLUMNS) {
      const value = record[property];
      values.push(typeof value === "string" && column !== "etag" ? hex(value) : value);
    }
    for (const { kind } of KEY_COLUMNS) values.push(keys[kind]);
    return values;
  }

  async remove(id: string): Promise<void> {
    const sql = `DELETE FROM ${this.#table} WHERE namespace = ${TEXT} AND id = ${TEXT}`;
    await this.#connections.run(sql, [this.#namespace, hex(id)]);
  }

  async clear(): Promise<void> {
    // not sent again after a lost reply: it would take what was saved in between
    const sql = `DELETE FROM ${this.#table} WHERE namespace = ${TEXT}`;
    await this.#connections.run(sql, [this.#namespace], false);
  }

  async scan(after: Place | null, limit: number | null): Promise<TokenRecord[]> {
    const values: Value[] = [this.#namespace];
    let sql = `SELECT ${SELECTED} FROM ${this.#table} FORCE INDEX (by_age) WHERE namespace = ${TEXT}`;
    if (after !== null) {
      sql += ` AND (created_at > ? OR (created_at = ? AND id > ${TEXT}))`;
      values.push(after.createdAt, after.createdAt, hex(after.id));
    }
    sql += " ORDER BY created_at, id";
    if (limit !== null) sql += ` LIMIT ${Math.trunc(limit)}`;
    return (await this.#connections.run(sql, values)).rows.map(recordOf);
  }

  explain(error: unknown): TokenStoreError | undefined {
    return explainError(error, "Make them with the SQL in the README (mysqlSchema() gives it too)");
  }
}

interface LookupGroup {
  readonly kind: LookupKind;
  readonly keys: string[];
}

/** Lookups of one kind that stand together are one look: a user with its client, and with none. */
function groupsOf(lookups: readonly Lookup[]): LookupGroup[] {
  const groups: LookupGroup[] = [];
  for (const { kind, key } of lookups) {
    const last = groups.at(-1);
    if (last?.kind === kind && kind !== "user") last.keys.push(key);
    else groups.push({ kind, keys: [key] });
  }
  return groups;
}

function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}

function recordOf(row: readonly unknown[]): TokenRecord {
  const record: Record<string, string | number | null> = {};
  TOKEN_COLUMNS.forEach(({ property, column, type }, index) => {
    const value = row[index];
    if (value === null || value === undefined) record[property] = null;
    else if (type === "integer") record[property] = integerOf(value, column);
    else record[property] = Buffer.isBuffer(value) ? value.toString() : String(value);
  });
  return record as unknown as TokenRecord;
}

function integerOf(value: unknown, column: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new TokenStoreError(
    "ERR_CORRUPT",
    `mysql: a record's ${column} is not a whole number that fits. Look at the table and correct it.`,
  );
}
