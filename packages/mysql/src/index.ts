/**
 * A store for OAuth tokens in MySQL or MariaDB, on mysql2.
 * @module @tokenkeep/mysql
 */
export { MysqlTokenStore } from "./mysql-token-store.js";
export type {
  CallbackPool,
  MysqlConnection,
  MysqlPool,
  MysqlTokenStoreOptions,
  PromisePool,
} from "./options.js";
export { type MysqlSchemaOptions, mysqlSchema, SCHEMA_VERSION } from "./schema.js";
