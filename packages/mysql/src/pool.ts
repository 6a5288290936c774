// The part of mysql2 that is used, declared by its shape: any copy and either flavour of it will do.

type Callback<T> = (error: Error | null, result: T) => void;

/** A statement as mysql2 takes it. */
export interface Statement {
  readonly sql: string;
  readonly values?: (string | number | null)[];
  readonly rowsAsArray: true;
  readonly typeCast: true;
  readonly nestTables: false;
  readonly namedPlaceholders: false;
}

/** What mysql2 calls when a statement is done. */
export type Done = (error: Error | null, result?: unknown) => void;

/** A connection of mysql2's own, not of its promise wrapper. */
export interface MysqlConnection {
  execute(options: Statement, callback: Done): unknown;
  query(options: Statement, callback: Done): unknown;
  release(): void;
  destroy(): void;
}

/** A pool of `mysql2`. */
export interface CallbackPool {
  getConnection(callback: Callback<MysqlConnection>): void;
}

/** A pool of `mysql2/promise`, which wraps one of `mysql2`. */
export interface PromisePool {
  readonly pool: object;
  getConnection(): Promise<unknown>;
}

/** A pool of either flavour. */
export type MysqlPool = CallbackPool | PromisePool;

/** The pool underneath: both flavours are one. */
export function callbackPool(pool: unknown): CallbackPool | undefined {
  if (typeof pool !== "object" || pool === null) return undefined;
  if ("pool" in pool && isCallbackPool(pool.pool)) return pool.pool;
  return isCallbackPool(pool) ? pool : undefined;
}

function isCallbackPool(pool: unknown): pool is CallbackPool {
  return (
    typeof pool === "object" &&
    pool !== null &&
    "getConnection" in pool &&
    typeof pool.getConnection === "function" &&
    "releaseConnection" in pool
  );
}
