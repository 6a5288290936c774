import { codeOf } from "@tokenkeep/core/backend";
import { type Dialect, PooledBackend } from "@tokenkeep/core/sql";
import { PostgresPool } from "./connection.js";
import type { CheckedOptions } from "./options.js";
import { openTables, tablesIn } from "./schema.js";

const DIALECT: Dialect = {
  name: "postgres",
  placeholder: (index) => `$${index}`,
  // The time of this moment; now() is that of the transaction's start.
  now: "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
  onConflict: "ON CONFLICT DO NOTHING",
  isDuplicate: (error) => codeOf(error) === "23505",
  text: (text) => Buffer.from(text),
};

/** Records in a table of PostgreSQL. */
export function postgresBackend(options: CheckedOptions): PooledBackend {
  return new PooledBackend(options, {
    dialect: DIALECT,
    pool: new PostgresPool(options),
    tables: tablesIn(options.schema),
    openTables: (connection, deadline) => openTables(connection, options, deadline),
  });
}
