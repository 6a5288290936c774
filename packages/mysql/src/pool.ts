// The part of mysql2 that is used, declared by its shape: any copy and either flavour of it will do.

type Callback<T> = (error: Error | null, result: T) => void;

/** What a statement can have otherwise than its pool. */
export interface Settings {
  readonly rowsAsArray: true;
  readonly typeCast: (field: unknown, read: () => unknown) => unknown;
  readonly nestTables: false;
  readonly namedPlaceholders: false;
}

/** What mysql2 calls when a statement is done. */
export type Done = (error: Error | null, result?: unknown) => void;

/** A connection of mysql2's own, not of its promise wrapper. */
export interface MysqlConnection {
  /** What its pool is set to. */
  readonly config?: object;
  execute(sql: string, values: (string | number | null)[], callback: Done): unknown;
  execute(statement: object, callback: Done): unknown;
  query(statement: object, callback: Done): unknown;
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
