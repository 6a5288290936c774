/**
 * A store for OAuth tokens in a SQLite database, on node:sqlite or better-sqlite3.
 * @module @tokenkeep/sqlite
 */
export type {
  BetterSqliteDatabase,
  BetterSqliteStatement,
  NodeSqliteDatabase,
  NodeSqliteStatement,
  SqliteDatabase,
  SqliteTokenStoreOptions,
} from "./options.js";
export { SqliteTokenStore } from "./sqlite-token-store.js";
