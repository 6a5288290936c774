import { invalidOption } from "@tokenkeep/core/backend";
import {
  type CheckedPoolOptions,
  checkPoolOptions,
  type DriverRules,
  type SqlPoolOptions,
} from "@tokenkeep/core/sql";
import type { PoolConfig } from "pg";
import { checkSchemaName } from "./schema.js";

/** The part of a client of a pool of `pg` that is used. */
export interface PgClient {
  query(query: object): Promise<{ rows: unknown[]; rowCount: number | null }>;
  release(destroy?: boolean): void;
  on(event: "error", listener: () => void): unknown;
  removeListener(event: "error", listener: () => void): unknown;
}

/** The part of a `Pool` of `pg` that is used. */
export interface PgPool {
  readonly totalCount: number;
  connect(callback: (error: Error | undefined, client: PgClient | undefined) => void): void;
}

/**
 * The options of {@link PostgresTokenStore}: a `url`, `postgres://user:password@host:port/database` with parameters
 * that `pg` knows, or a `pool` of `pg`. `clientOptions` are those of `pg`: https://node-postgres.com/apis/pool
 */
export interface PostgresTokenStoreOptions extends SqlPoolOptions<PgPool, PoolConfig> {
  /** The schema of the tables, created if it is missing; by default the first of the search path. */
  readonly schema?: string | undefined;
  /**
   * Whether statements are prepared by name, once for each connection; false by default. That is faster, but a pooler
   * in transaction mode has to support it.
   */
  readonly prepare?: boolean | undefined;
}

export interface CheckedOptions extends CheckedPoolOptions<PgPool, PoolConfig> {
  readonly schema: string | undefined;
  readonly prepare: boolean;
}

const DRIVER: DriverRules<PgPool> = {
  driver: "pg",
  protocols: ["postgres", "postgresql"],
  urlShape: "postgres://user:password@host:port/database",
  // "pgbouncer" says nothing to a client.
  urlParameters:
    /^(ssl\w*|uselibpqcompat|host|port|(fallback_)?application_name|client_encoding|options|keepalives|pgbouncer)$/,
  toPool: (pool) => {
    // A Client has connect() too, but no totalCount.
    const { connect, totalCount } = (pool ?? {}) as Partial<PgPool>;
    return typeof connect === "function" && typeof totalCount === "number" ? (pool as PgPool) : undefined;
  },
};

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(input: string | PostgresTokenStoreOptions): CheckedOptions {
  const options: PostgresTokenStoreOptions = typeof input === "string" ? { url: input } : input;
  const common = checkPoolOptions(options, ["schema", "prepare"], DRIVER);
  const { schema, prepare = false } = options;
  if (schema !== undefined) checkSchemaName(schema);
  if (typeof prepare !== "boolean") throw invalidOption("prepare must be true or false.");
  const { url, clientOptions = {} } = common;
  for (const name of ["connectionString", "host", "port", "user", "password", "database"]) {
    if (name in clientOptions) {
      throw invalidOption(
        `clientOptions has ${name}, which pg takes from the url alone. Put it there, or pass a pool.`,
      );
    }
  }
  const hasTls = [...(url?.searchParams.keys() ?? [])].some((name) => name.startsWith("ssl"));
  if (hasTls && clientOptions.ssl !== undefined) {
    throw invalidOption(
      "url has parameters for TLS, so that pg would ignore clientOptions.ssl. Remove them.",
    );
  }
  return { ...common, schema, prepare };
}
