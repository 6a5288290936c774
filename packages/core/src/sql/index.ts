/**
 * A backend for any SQL database: give it a connection, a dialect and two tables.
 * @module @tokenkeep/core/sql
 */
export {
  type Dialect,
  KEY_COLUMNS,
  type SqlConnection,
  type SqlResult,
  type SqlStatement,
  type SqlTables,
  type SqlValue,
} from "./dialect.js";
export {
  type CheckedPoolOptions,
  checkPoolOptions,
  type DriverRules,
  type SqlPoolOptions,
} from "./pool-options.js";
export {
  CLIENT_RULES,
  goodbye,
  PooledConnection,
  type SqlErrorRule,
  type SqlPool,
  type SqlSession,
} from "./pooled-connection.js";
export { checkSchemaComment, schemaComment } from "./schema-comment.js";
export { SqlBackend, type SqlBackendSettings } from "./sql-backend.js";
export { SqlLeases } from "./sql-leases.js";
