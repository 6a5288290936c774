/**
 * A store in a SQLite database, through better-sqlite3.
 * @module @tokenkeep/sqlite
 */
export type { AdoptionReport } from "./adoption.js";
export type { SqliteDatabase, SqliteStatement, SqliteTokenStoreOptions } from "./options.js";
export { SqliteTokenStore } from "./sqlite-token-store.js";
