import { setTimeout as sleep } from "node:timers/promises";
import {
  type Backend,
  type Lookup,
  type Place,
  type RecordKeys,
  type TokenRecord,
  TokenStoreError,
} from "@tokenkeep/core";
import type pg from "pg";
import { PostgresLeases } from "./postgres-leases.js";
import { openSchema, tablesIn } from "./schema.js";

const COLUMN_OF = {
  id: "id",
  userClient: "user_client_key",
  grantToken: "grant_token_key",
  refreshToken: "refresh_token_key",
  accessToken: "access_token_key",
  user: "user_key",
} as const satisfies Record<Lookup["kind"], string>;

const COLUMNS = ["namespace", ...Object.values(COLUMN_OF), "etag", "created_at", "saved_at", "record"];
const PLACEHOLDERS = COLUMNS.map((_, index) => `$${index + 1}`).join(", ");

const UNIQUE_VIOLATION = "23505";
/** A serialization failure, a deadlock: the statement was undone, and may be sent again. */
const UNDONE = new Set(["40001", "40P01"]);
const MAX_TRIES = 20;

export type Query = (sql: string, values: unknown[]) => Promise<pg.QueryResult>;

interface Settings {
  readonly namespace: string;
  readonly schema: string | undefined;
  readonly secrets: readonly string[];
  readonly end: () => Promise<void>;
}

/** Records in one table. What is unique, and who came first, is decided by its indexes. */
export class PostgresBackend implements Backend {
  readonly name = "postgres";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly leases: PostgresLeases;
  readonly secrets: readonly string[];
  readonly #pool: pg.Pool;
  readonly #settings: Settings;
  readonly #namespace: Buffer;
  readonly #table: string;

  constructor(pool: pg.Pool, settings: Settings) {
    const { tokens, locks } = tablesIn(settings.schema);
    this.#pool = pool;
    this.#settings = settings;
    this.#namespace = Buffer.from(settings.namespace);
    this.#table = tokens;
    this.secrets = settings.secrets;
    this.leases = new PostgresLeases(this.#query, locks, this.#namespace);
  }

  async open(): Promise<void> {
    await openSchema(this.#pool, this.#settings.schema);
  }

  async close(): Promise<void> {
    await this.#settings.end();
  }

  async read(lookups: readonly Lookup[]): Promise<TokenRecord[]> {
    const conditions = lookups.map(({ kind }, index) => `${COLUMN_OF[kind]} = $${index + 2}`);
    const keys = lookups.map(({ kind, key }) => (kind === "id" ? Buffer.from(key) : key));
    return this.#select(`WHERE namespace = $1 AND (${conditions.join(" OR ")})`, [this.#namespace, ...keys]);
  }

  async insert(record: TokenRecord, keys: RecordKeys): Promise<boolean> {
    const { rowCount } = await this.#query(
      `INSERT INTO ${this.#table} (${COLUMNS.join(", ")}) VALUES (${PLACEHOLDERS}) ON CONFLICT DO NOTHING`,
      this.#valuesOf(record, keys),
    );
    return rowCount === 1;
  }

  async replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
    try {
      const { rowCount } = await this.#query(
        `UPDATE ${this.#table} SET (${COLUMNS.join(", ")}) = ROW (${PLACEHOLDERS})
          WHERE namespace = $1 AND id = $2 AND etag = $${COLUMNS.length + 1}`,
        [...this.#valuesOf(record, keys), previous.etag],
      );
      return rowCount === 1;
    } catch (error) {
      if (codeOf(error) === UNIQUE_VIOLATION) return false;
      throw error;
    }
  }

  async remove(id: string): Promise<void> {
    const values = [this.#namespace, Buffer.from(id)];
    await this.#query(`DELETE FROM ${this.#table} WHERE namespace = $1 AND id = $2`, values);
  }

  async clear(): Promise<void> {
    await this.#query(`DELETE FROM ${this.#table} WHERE namespace = $1`, [this.#namespace]);
  }

  async scan(after: Place | null, limit: number | null): Promise<TokenRecord[]> {
    const { createdAt, id } = after ?? { createdAt: Number.MIN_SAFE_INTEGER, id: "" };
    return this.#select(
      "WHERE namespace = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4",
      [this.#namespace, createdAt, Buffer.from(id), limit],
    );
  }

  /** By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
  explain(error: unknown): TokenStoreError | undefined {
    const code = codeOf(error);
    if (/^(28|42501|25006)/.test(code)) {
      return new TokenStoreError(
        "ERR_PERMISSION",
        "postgres: the server refuses this user, or every write. Check the user, the password, the grants, and " +
          "that this is the primary.",
      );
    }
    if (/^(3D000|42P01|42703)$/.test(code)) {
      return new TokenStoreError(
        "ERR_SCHEMA",
        "postgres: the database, its tables or their columns are not there. Check the URL and the schema.",
      );
    }
    return undefined;
  }

  async #select(rest: string, values: unknown[]): Promise<TokenRecord[]> {
    // as text, since a pool may have parsers of its own
    const { rows } = await this.#query(`SELECT record::text FROM ${this.#table} ${rest}`, values);
    return rows.map(({ record }) => JSON.parse(record) as TokenRecord);
  }

  /** In the order of COLUMNS. */
  #valuesOf(record: TokenRecord, keys: RecordKeys): unknown[] {
    const { id, etag, createdAt, savedAt } = record;
    const { userClient, grantToken, refreshToken, accessToken, user } = keys;
    const found = [Buffer.from(id), userClient, grantToken, refreshToken, accessToken, user];
    return [this.#namespace, ...found, etag, createdAt, savedAt, JSON.stringify(record)];
  }

  readonly #query: Query = async (sql, values) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#pool.query(sql, values);
      } catch (error) {
        if (attempt === MAX_TRIES || !UNDONE.has(codeOf(error))) throw error;
        await sleep(Math.random() * 2 ** Math.min(attempt, 6));
      }
    }
  };
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? "");
}
