import { checkStoreOptions, invalidOption, type StoreOptions } from "@tokenkeep/core";
import type { PoolOptions } from "mysql2";
import { checkTable, LOCKS_SUFFIX } from "./names.js";
import { type CallbackPool, callbackPool, type MysqlPool } from "./pool.js";

/** The options of mysql2 that are passed on to the pool that the store makes. */
const DRIVER_OPTIONS = [
  "host",
  "port",
  "user",
  "password",
  "password1",
  "password2",
  "password3",
  "database",
  "socketPath",
  "ssl",
  "localAddress",
  "stream",
  "compress",
  "connectTimeout",
  "connectAttributes",
  "authPlugins",
  "enableCleartextPlugin",
  "enableKeepAlive",
  "keepAliveInitialDelay",
  "disableEval",
  "maxPreparedStatements",
  "connectionLimit",
  "maxIdle",
  "idleTimeout",
  "queueLimit",
] as const;

type DriverOptions = Partial<Pick<PoolOptions, Extract<(typeof DRIVER_OPTIONS)[number], keyof PoolOptions>>>;

/** The options of {@link MysqlTokenStore}: `url` or mysql2's own connection options, or a `pool`. */
export interface MysqlTokenStoreOptions extends StoreOptions, DriverOptions {
  /** `mysql://user:password@host:port/database`. */
  readonly url?: string | undefined;
  /** A pool of `mysql2` or `mysql2/promise` that is open already. The store never closes it. */
  readonly pool?: MysqlPool | undefined;
  /** The table of the records, up to 58 characters; `tokenkeep` by default. Beside it: `…_locks`. */
  readonly table?: string | undefined;
  /** Whether the store may create its tables where they are not there; true by default. */
  readonly createTable?: boolean | undefined;
  /** Zoho's table whose records are to be copied, once: true for `oauthtoken`, or its name. */
  readonly adopt?: boolean | string | undefined;
}

export interface CheckedOptions {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly table: string;
  readonly createTable: boolean;
  readonly adoptFrom: string | undefined;
  /** Either the caller's pool, or what to make one of. */
  readonly pool: CallbackPool | undefined;
  readonly driver: PoolOptions;
  /** Values that no error may show. */
  readonly secrets: readonly string[];
}

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(input: string | MysqlTokenStoreOptions): CheckedOptions {
  const options: MysqlTokenStoreOptions = typeof input === "string" ? { url: input } : input;
  const common = checkStoreOptions(options, [
    "url",
    "pool",
    "table",
    "createTable",
    "adopt",
    ...DRIVER_OPTIONS,
  ]);
  const { createTable = true, adopt = false } = options;
  if (typeof createTable !== "boolean") throw invalidOption("createTable must be true or false.");
  const adoptFrom = adopt === true ? "oauthtoken" : adopt === false ? undefined : checkTable("adopt", adopt);
  const rest = {
    ...common,
    table: checkTable("table", options.table ?? "tokenkeep", LOCKS_SUFFIX),
    createTable,
    adoptFrom,
  };
  const driver = driverOptionsOf(options);
  if (options.pool !== undefined) {
    const pool = callbackPool(options.pool);
    if (pool === undefined) throw invalidOption("pool must be a pool of mysql2 or of mysql2/promise.");
    if (options.url !== undefined || Object.keys(driver).length > 0) {
      throw invalidOption("Give a pool or the options of a connection, not both.");
    }
    return { ...rest, pool, driver: {}, secrets: [] };
  }
  const secrets = [driver.password, driver.password1, driver.password2, driver.password3];
  if (options.url !== undefined) {
    const url = checkUrl(options.url, driver.database);
    secrets.push(url.password, decodeURIComponent(url.password), options.url);
    driver.uri = options.url;
  } else if (driver.database === undefined || driver.database === "") {
    throw invalidOption("Give a url, a pool, or host (or socketPath), user, password and database.");
  }
  const limit = driver.connectionLimit ?? 10;
  if (!Number.isInteger(limit) || limit < 1) {
    throw invalidOption("connectionLimit must be a whole number, 1 or more.");
  }
  return {
    ...rest,
    pool: undefined,
    driver: {
      connectTimeout: rest.timeoutMs,
      ...driver,
      connectionLimit: limit,
      charset: "utf8mb4",
      waitForConnections: true,
    },
    secrets: secrets.filter((secret) => secret !== undefined),
  };
}

function driverOptionsOf(options: MysqlTokenStoreOptions): PoolOptions {
  const given: Record<string, unknown> = {};
  const source = options as Readonly<Record<string, unknown>>;
  for (const name of DRIVER_OPTIONS) {
    if (source[name] !== undefined) given[name] = source[name];
  }
  return given;
}

// The message never has the URL, which may hold a password.
function checkUrl(text: unknown, database: string | undefined): URL {
  const shape = "url must be mysql://user:password@host:port/database, its parts percent-encoded.";
  if (typeof text !== "string") throw invalidOption(shape);
  let url: URL;
  try {
    url = new URL(text);
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part);
  } catch {
    throw invalidOption(shape);
  }
  if (!["mysql:", "mysql2:", "mariadb:"].includes(url.protocol) || url.hostname === "") {
    throw invalidOption(shape);
  }
  if (url.pathname.length < 2 && database === undefined) {
    throw invalidOption(`url names no database. ${shape}`);
  }
  return url;
}
