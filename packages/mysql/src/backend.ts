import { type Dialect, PooledBackend } from "@tokenkeep/core/sql";
import { MysqlConnections } from "./connection.js";
import { errnoOf } from "./errors.js";
import type { CheckedOptions } from "./options.js";
import { openTables, tablesOf } from "./schema.js";

const DUPLICATE_ENTRY = 1062;

const DIALECT: Dialect = {
  name: "mysql",
  placeholder: () => "?",
  // In UTC whatever the session's time zone, and without fractions of a number in between.
  now: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000",
  onConflict: "",
  isDuplicate: (error) => errnoOf(error) === DUPLICATE_ENTRY,
  text: (text) => text,
};

/** Records in a table of MySQL or MariaDB. */
export function mysqlBackend(options: CheckedOptions): PooledBackend {
  return new PooledBackend(options, {
    dialect: DIALECT,
    pool: new MysqlConnections(options),
    tables: tablesOf(options.table),
    openTables: (connection, deadline) => openTables(connection, options, deadline),
  });
}
