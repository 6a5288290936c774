// The store opens a path with node:sqlite where there is one, and so do the tests: two copies of SQLite in one process
// don't see each other's locks. With SQLITE_DRIVER=better-sqlite3 a database of the caller's is of that driver.
const own =
  process.env.SQLITE_DRIVER === "better-sqlite3" ? undefined : process.getBuiltinModule?.("node:sqlite");
const { default: BetterSqlite } = own === undefined ? await import("better-sqlite3") : {};

/**
 * Opens a database as an application does.
 * @param {{ timeout?: number, bigints?: boolean }} [options]
 */
export function openDatabase(path, { timeout = 1000, bigints = false } = {}) {
  if (own !== undefined) return new own.DatabaseSync(path, { timeout, readBigInts: bigints });
  const database = new BetterSqlite(path, { timeout });
  database.defaultSafeIntegers(bigints);
  return database;
}

export function isOpen(database) {
  return database.isOpen ?? database.open;
}

/** The first column of a query's first row. */
export function firstValue(database, sql) {
  return Object.values(database.prepare(sql).get() ?? {})[0];
}

/** Whether the database is locked by another one. */
export function isBusy(error) {
  return error.errcode === 5 || error.code?.startsWith("SQLITE_BUSY");
}
