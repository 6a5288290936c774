/**
 * A store in MySQL or MariaDB, through mysql2.
 * @module @tokenkeep/mysql
 */
export type { AdoptionReport } from "./adopt.js";
export { MysqlTokenStore } from "./mysql-token-store.js";
export type { MysqlTokenStoreOptions } from "./options.js";
export type { CallbackPool, MysqlConnection, MysqlPool, PromisePool } from "./pool.js";
export { type MysqlSchemaOptions, mysqlSchema, SCHEMA_VERSION } from "./schema-sql.js";
