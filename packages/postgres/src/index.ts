/**
 * A store for OAuth tokens in PostgreSQL, on pg.
 * @module @tokenkeep/postgres
 */
export type { PgClient, PgPool, PostgresTokenStoreOptions } from "./options.js";
export { PostgresTokenStore } from "./postgres-token-store.js";
export { type PostgresSchemaOptions, postgresSchema, SCHEMA_VERSION } from "./schema.js";
