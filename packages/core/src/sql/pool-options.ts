import { passwordsInUrl } from "../errors.js";
import {
  type CheckedStoreOptions,
  checkStoreOptions,
  checkUrl,
  invalidOption,
  type PersistentStoreOptions,
} from "../options.js";

/** The longest attempt to connect, in milliseconds: a proxy may accept connections that nobody answers. */
const MAX_CONNECT_MS = 5000;

/** The options of a store on a server: a `url`, or a `pool` of its driver. */
export interface SqlPoolOptions<Pool, ClientOptions> extends PersistentStoreOptions {
  /** Where the server is, with user, password and database. The store makes a pool, and closes it. */
  readonly url?: string | undefined;
  /** A pool of the driver that is open already. The store never closes it. */
  readonly pool?: Pool | undefined;
  /** Options of the driver for the pool that the store makes for `url`. */
  readonly clientOptions?: ClientOptions | undefined;
  /** Whether the store may create its tables if they are missing; true by default. */
  readonly createTables?: boolean | undefined;
}

/** What a driver accepts. */
export interface DriverRules<Pool> {
  /** For messages: `pg`. */
  readonly driver: string;
  /** The protocols of its URLs, without the colon. */
  readonly protocols: readonly string[];
  /** A URL as an example, for messages. */
  readonly urlShape: string;
  /** The parameters that it reads from a URL. It would ignore any other, however much depends on it. */
  readonly urlParameters: RegExp;
  /**
   * Recognises a pool.
   * @param pool what the caller gave
   * @returns the pool; undefined for anything else
   */
  readonly toPool: (pool: unknown) => Pool | undefined;
}

/** The options of a store on a server, checked. */
export interface CheckedPoolOptions<Pool, ClientOptions> extends CheckedStoreOptions {
  /** The caller's pool; undefined where there is a `url`. */
  readonly pool: Pool | undefined;
  /** Undefined where there is a pool. */
  readonly url: URL | undefined;
  /** For the pool that the store makes. */
  readonly clientOptions: ClientOptions | undefined;
  /** How long an attempt to connect may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Whether missing tables are created. */
  readonly createTables: boolean;
  /** Values that no error may show. */
  readonly secrets: readonly string[];
}

/**
 * Checks the options of a store on a server.
 * @param options what the caller gave
 * @param own the names of the store's further options
 * @param rules what the driver accepts
 * @returns the options, with defaults
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkPoolOptions<Pool, ClientOptions extends object>(
  options: SqlPoolOptions<unknown, ClientOptions>,
  own: readonly string[],
  rules: DriverRules<Pool>,
): CheckedPoolOptions<Pool, ClientOptions> {
  const common = checkStoreOptions(options, ["open", "url", "pool", "clientOptions", "createTables", ...own]);
  const { url, pool, clientOptions, createTables = true } = options;
  if (typeof createTables !== "boolean") throw invalidOption("createTables must be true or false.");
  const rest = {
    ...common,
    connectTimeoutMs: Math.min(common.timeoutMs, MAX_CONNECT_MS),
    createTables: createTables && common.open === "create",
  };
  if (pool !== undefined) {
    if (url !== undefined || clientOptions !== undefined) {
      throw invalidOption("Give a pool, or a url and its clientOptions, not both.");
    }
    const checked = rules.toPool(pool);
    if (checked !== undefined) {
      return { ...rest, pool: checked, url: undefined, clientOptions, secrets: [] };
    }
    throw invalidOption(
      `pool must be a pool of ${rules.driver}; a single connection can't serve several calls at once. Of knex, ` +
        "drizzle or another layer, pass the driver's own pool.",
    );
  }
  if (clientOptions !== undefined && (typeof clientOptions !== "object" || clientOptions === null)) {
    throw invalidOption(`clientOptions must be an object of ${rules.driver}'s options for a pool.`);
  }
  const parsed = checkUrl(url, rules.protocols, rules.urlShape);
  for (const name of parsed.searchParams.keys()) {
    if (rules.urlParameters.test(name)) continue;
    throw invalidOption(
      `url has the parameter ${JSON.stringify(name)}, which ${rules.driver} would ignore. Remove it, and give what ` +
        "it is for in clientOptions.",
    );
  }
  return { ...rest, pool: undefined, url: parsed, clientOptions, secrets: passwordsInUrl(url!) };
}
