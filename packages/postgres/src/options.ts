import type { PersistentStoreOptions } from "@tokenkeep/core";
import {
  type CheckedStoreOptions,
  checkStoreOptions,
  checkUrl,
  invalidOption,
  passwordsInUrl,
} from "@tokenkeep/core/backend";
import type { PoolConfig } from "pg";
import { checkSchemaName } from "./schema.js";

/** A query as `pg` takes it. */
export interface PgQuery {
  text: string;
  values: unknown[];
  rowMode: "array";
  types: { getTypeParser: () => (value: string) => string };
  name?: string;
}

/** The part of a client of a pool of `pg` that is used. */
export interface PgClient {
  query(query: PgQuery): Promise<{ rows: unknown[]; rowCount: number | null }>;
  release(destroy?: boolean): void;
  on(event: "error", listener: () => void): unknown;
  removeListener(event: "error", listener: () => void): unknown;
}

/** The part of a `Pool` of `pg` that is used. */
export interface PgPool {
  readonly totalCount: number;
  connect(): Promise<PgClient>;
}

/** The options of {@link PostgresTokenStore}: a `url` or a `pool`. */
export interface PostgresTokenStoreOptions extends PersistentStoreOptions {
  /** `postgres://user:password@host:port/database`, with the parameters that `pg` knows, such as `sslmode`. */
  readonly url?: string | undefined;
  /** An open pool of `pg`. It is never closed. */
  readonly pool?: PgPool | undefined;
  /** Options of the pool that the store makes for `url`, passed on to `pg`: https://node-postgres.com/apis/pool */
  readonly clientOptions?: PoolConfig | undefined;
  /** The schema of the tables, created if it is missing; by default the first of the search path. */
  readonly schema?: string | undefined;
  /** Whether the store may create its tables if they are missing; true by default. */
  readonly createTables?: boolean | undefined;
  /**
   * Whether statements are prepared by name, once for each connection; false by default. Faster, but a pooler in
   * transaction mode must support it.
   */
  readonly prepare?: boolean | undefined;
}

export interface CheckedOptions extends CheckedStoreOptions {
  readonly pool: PgPool | undefined;
  /** For a pool of our own. */
  readonly poolConfig: PoolConfig;
  readonly schema: string | undefined;
  readonly createTables: boolean;
  readonly prepare: boolean;
  /** Values that no error may show. */
  readonly secrets: readonly string[];
}

const URL_SHAPE = "postgres://user:password@host:port/database";
/** What pg reads of a URL, and what says nothing to a client. Any other parameter would be ignored silently. */
const URL_PARAMETERS =
  /^(ssl|sslmode|sslcert|sslkey|sslrootcert|sslnegotiation|uselibpqcompat|host|port|application_name|fallback_application_name|client_encoding|options|keepalives|pgbouncer)$/;
/** The longest connection attempt, in milliseconds: a proxy may accept connections that nobody answers. */
const MAX_CONNECT_MS = 5000;

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(input: string | PostgresTokenStoreOptions): CheckedOptions {
  const options: PostgresTokenStoreOptions = typeof input === "string" ? { url: input } : input;
  const own = ["open", "url", "pool", "clientOptions", "schema", "createTables", "prepare"];
  const common = checkStoreOptions(options, own);
  const { url, pool, clientOptions, schema, createTables = true, prepare = false } = options;
  for (const [name, value] of Object.entries({ createTables, prepare })) {
    if (typeof value !== "boolean") throw invalidOption(`${name} must be true or false.`);
  }
  if (schema !== undefined) checkSchemaName(schema);
  const rest = { ...common, schema, createTables: createTables && common.open === "create", prepare };
  if (pool !== undefined) {
    if (url !== undefined || clientOptions !== undefined) {
      throw invalidOption("Give a pool, or a url and its clientOptions, not both.");
    }
    return { ...rest, pool: checkPool(pool), poolConfig: {}, secrets: [] };
  }
  checkConnection(url, clientOptions);
  const poolConfig = {
    connectionTimeoutMillis: Math.min(common.timeoutMs, MAX_CONNECT_MS),
    keepAlive: true,
    ...clientOptions,
    connectionString: url!,
  };
  return { ...rest, pool: undefined, poolConfig, secrets: passwordsInUrl(url!) };
}

function checkPool(pool: PgPool): PgPool {
  // A Client has connect() too, but no totalCount.
  if (typeof pool?.connect === "function" && typeof pool.totalCount === "number") return pool;
  throw invalidOption(
    "pool must be a Pool of pg: a single Client can't serve several calls at once. Of knex, drizzle or another " +
      "layer, pass the driver's own pool.",
  );
}

function checkConnection(url: unknown, clientOptions: PoolConfig | undefined): void {
  const { searchParams } = checkUrl(url, ["postgres", "postgresql"], URL_SHAPE);
  for (const name of searchParams.keys()) {
    if (URL_PARAMETERS.test(name)) continue;
    throw invalidOption(
      `url has the parameter ${JSON.stringify(name)}, which pg would ignore. Remove it, or give what it is for in ` +
        "clientOptions. The schema is an option of the store.",
    );
  }
  if (clientOptions === undefined) return;
  if (typeof clientOptions !== "object" || clientOptions === null) {
    throw invalidOption("clientOptions must be an object of options of pg's Pool.");
  }
  for (const name of ["connectionString", "host", "port", "user", "password", "database"]) {
    if (name in clientOptions) {
      throw invalidOption(
        `clientOptions has ${name}, which pg would take from the url. Put it there, or pass a pool.`,
      );
    }
  }
  if (clientOptions.ssl !== undefined && [...searchParams.keys()].some((name) => name.startsWith("ssl"))) {
    throw invalidOption(
      "url has parameters for TLS, so that pg would ignore clientOptions.ssl. Remove them.",
    );
  }
}
