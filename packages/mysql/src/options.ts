import { invalidOption } from "@tokenkeep/core/backend";
import {
  type CheckedPoolOptions,
  checkPoolOptions,
  type DriverRules,
  type SqlPoolOptions,
} from "@tokenkeep/core/sql";
import type { PoolOptions } from "mysql2";
import { checkTable } from "./schema.js";

/** The part of a connection of `mysql2` that is used; not of its promise wrapper. */
export interface MysqlConnection {
  execute(statement: object, callback: (error: Error | null, result?: unknown) => void): unknown;
  release(): void;
  destroy(): void;
  on(event: "error", listener: () => void): unknown;
  removeListener(event: "error", listener: () => void): unknown;
}

/** The part of a pool of `mysql2` that is used. */
export interface CallbackPool {
  getConnection(callback: (error: Error | null, connection: MysqlConnection) => void): void;
}

/** A pool of `mysql2/promise`, which wraps one of `mysql2`. */
export interface PromisePool {
  readonly pool: object;
  getConnection(): Promise<unknown>;
}

/** A pool of either flavour. */
export type MysqlPool = CallbackPool | PromisePool;

/**
 * The options of {@link MysqlTokenStore}: a `url`, `mysql://user:password@host:port/database`, or a `pool` of `mysql2`
 * or `mysql2/promise`. `clientOptions` are those of `mysql2`: https://sidorares.github.io/node-mysql2/docs
 */
export interface MysqlTokenStoreOptions extends SqlPoolOptions<MysqlPool, PoolOptions> {
  /** The table of the records, up to 58 characters; `tokenkeep` by default. The locks are in `…_locks`. */
  readonly table?: string | undefined;
}

export interface CheckedOptions extends CheckedPoolOptions<CallbackPool, PoolOptions> {
  readonly table: string;
}

const DRIVER: DriverRules<CallbackPool> = {
  driver: "mysql2",
  protocols: ["mysql", "mysql2", "mariadb"],
  urlShape: "mysql://user:password@host:port/database",
  // mysql2 takes any of its options from a URL; the rest belongs in clientOptions.
  urlParameters: /^(ssl|connectionLimit|connectTimeout|compress|enableKeepAlive)$/,
  toPool: (pool) => {
    // Both flavours are one pool.
    const { pool: wrapped } = (pool ?? {}) as { pool?: unknown };
    return isCallbackPool(wrapped) ? wrapped : isCallbackPool(pool) ? pool : undefined;
  },
};

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(input: string | MysqlTokenStoreOptions): CheckedOptions {
  const options: MysqlTokenStoreOptions = typeof input === "string" ? { url: input } : input;
  const common = checkPoolOptions(options, ["table"], DRIVER);
  const table = checkTable(options.table ?? "tokenkeep");
  const { url, clientOptions = {} } = common;
  if (url === undefined) return { ...common, table };
  if (url.hostname === "") throw invalidOption(`url has no host. It must be ${DRIVER.urlShape}.`);
  if (url.pathname.length < 2 && clientOptions.database === undefined) {
    throw invalidOption(`url has no database. It must be ${DRIVER.urlShape}.`);
  }
  const passwords = PASSWORDS.map((name) => clientOptions[name]).filter((value) => value !== undefined);
  if (!passwords.every((value) => typeof value === "string")) {
    throw invalidOption("A password in clientOptions must be a string.");
  }
  return { ...common, table, secrets: [...common.secrets, ...passwords] };
}

const PASSWORDS = ["password", "password1", "password2", "password3"] as const;

function isCallbackPool(pool: unknown): pool is CallbackPool {
  const { getConnection, releaseConnection } = (pool ?? {}) as Record<string, unknown>;
  // The promise flavour has releaseConnection() too, but it wraps the other one.
  return typeof getConnection === "function" && typeof releaseConnection === "function";
}
