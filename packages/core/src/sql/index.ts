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
export { codeOrMessage, type ServerCodes, type SqlErrorRule, serverRules } from "./error-rules.js";
export {
  type CheckedPoolOptions,
  checkPoolOptions,
  type DriverRules,
  type SqlPoolOptions,
} from "./pool-options.js";
export { PooledBackend, type PooledBackendSettings } from "./pooled-backend.js";
export { PooledConnection, type SqlPool, type SqlSession } from "./pooled-connection.js";
export { checkSchemaComment, missingTables, schemaComment } from "./schema.js";
export { type ClosingSocket, Sockets } from "./sockets.js";
export { SqlBackend, type SqlBackendSettings } from "./sql-backend.js";
export { SqlLeases } from "./sql-leases.js";
