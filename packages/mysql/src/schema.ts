import { TokenStoreError } from "@tokenkeep/core";
import { checkOptionNames, type Deadline, invalidOption } from "@tokenkeep/core/backend";
import {
  checkSchemaComment,
  missingTables,
  type SqlConnection,
  type SqlResult,
  type SqlTables,
  schemaComment,
} from "@tokenkeep/core/sql";
import type { CheckedOptions } from "./options.js";

/** The version of the tables that this package creates, which their comments name. */
export const SCHEMA_VERSION = 1;

const LOCKS_SUFFIX = "_locks";
/** MySQL's limit on an identifier, in characters. */
const MAX_IDENTIFIER = 64;

/**
 * Checks the name of the table of the records. Any name that the server can have is valid, with quotes and spaces too.
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkTable(name: unknown): string {
  const longest = MAX_IDENTIFIER - LOCKS_SUFFIX.length;
  if (typeof name !== "string" || name === "" || [...name].length > longest) {
    throw invalidOption(`table must be a table's name of 1 to ${longest} characters.`);
  }
  if (/[\0\u{d800}-\u{dfff}]|[\u{10000}-\u{10ffff}]|\s$/u.test(name)) {
    throw invalidOption("table must have no NUL, no character beyond U+FFFF and no space at its end.");
  }
  // Old servers and MariaDB take what follows this prefix for a file's raw name.
  if (name.toLowerCase().startsWith("#mysql50#")) throw invalidOption("table must not begin with #mysql50#.");
  return name;
}

/** The names of the tables, quoted. */
export function tablesOf(table: string): SqlTables {
  const quoted = (name: string) => `\`${name.replaceAll("`", "``")}\``;
  return { tokens: quoted(table), locks: quoted(table + LOCKS_SUFFIX) };
}

/** Which tables {@link mysqlSchema} is to create. */
export interface MysqlSchemaOptions {
  /** The name of the table of the records; `tokenkeep` by default. */
  readonly table?: string | undefined;
}

/**
 * The statements that create the tables, to be run by hand if the store's user may not create tables
 * (`createTables: false`).
 * @param options the table's name
 * @returns two statements, for the records and for the locks
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function mysqlSchema(options: MysqlSchemaOptions = {}): string[] {
  checkOptionNames("mysqlSchema", options, ["table"]);
  const { tokens, locks } = tablesOf(checkTable(options.table ?? "tokenkeep"));
  const opaque = "CHARACTER SET ascii COLLATE ascii_bin";
  const end = `ENGINE=InnoDB ROW_FORMAT=DYNAMIC COMMENT='${schemaComment(SCHEMA_VERSION)}'`;
  // Names and ids are bytes, which compare exactly on every server. The keys are digests. by_user has no saved_at,
  // since every save would have to move its entry.
  return [
    `CREATE TABLE IF NOT EXISTS ${tokens} (
  \`namespace\` VARBINARY(1020) NOT NULL,
  \`id\` VARBINARY(255) NOT NULL,
  \`etag\` VARCHAR(64) ${opaque} NOT NULL,
  \`created_at\` BIGINT NOT NULL,
  \`saved_at\` BIGINT NOT NULL,
  \`record\` MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
  \`user_client_key\` CHAR(43) ${opaque},
  \`grant_token_key\` CHAR(43) ${opaque},
  \`refresh_token_key\` CHAR(43) ${opaque},
  \`access_token_key\` CHAR(43) ${opaque},
  \`user_key\` CHAR(43) ${opaque},
  PRIMARY KEY (\`namespace\`, \`id\`),
  UNIQUE KEY \`by_user_client\` (\`namespace\`, \`user_client_key\`),
  UNIQUE KEY \`by_grant_token\` (\`namespace\`, \`grant_token_key\`),
  UNIQUE KEY \`by_refresh_token\` (\`namespace\`, \`refresh_token_key\`),
  UNIQUE KEY \`by_access_token\` (\`namespace\`, \`access_token_key\`),
  KEY \`by_user\` (\`namespace\`, \`user_key\`),
  KEY \`by_age\` (\`namespace\`, \`created_at\`, \`id\`)
) ${end}`,
    `CREATE TABLE IF NOT EXISTS ${locks} (
  \`namespace\` VARBINARY(1020) NOT NULL,
  \`lock_key\` CHAR(43) ${opaque} NOT NULL,
  \`owner\` VARCHAR(36) ${opaque},
  \`held_until\` BIGINT NOT NULL,
  \`fence\` BIGINT NOT NULL,
  \`next_owner\` VARCHAR(36) ${opaque},
  \`next_until\` BIGINT NOT NULL,
  PRIMARY KEY (\`namespace\`, \`lock_key\`)
) ${end}`,
  ];
}

/** Checks the connections, and creates the tables if they are missing. Many processes may do so at once. */
export async function openTables(
  connection: SqlConnection,
  { table, createTables }: CheckedOptions,
  deadline: Deadline,
): Promise<void> {
  // All of it may be repeated after a lost reply.
  const run = async (sql: string, ...values: string[]): Promise<SqlResult> =>
    connection.run({ sql, values, isRead: false, isRepeatable: true }, deadline);
  await checkSession(run);
  const names = [table, table + LOCKS_SUFFIX];
  const { rows } = await run(TABLES, ...names);
  // The server compares these names without regard to case and accents, but keeps tables that differ in them apart.
  const found = rows.filter(([name, , folds]) =>
    names.some((ours) => name === ours || (Number(folds) > 0 && fold(name) === fold(ours))),
  );
  for (const [name, comment] of found)
    checkSchemaComment("mysql", String(name), String(comment), SCHEMA_VERSION);
  if (found.length === names.length) return;
  const statements = mysqlSchema({ table });
  if (!createTables) throw missingTables("mysql", statements);
  // Each is atomic, and does nothing where another process was faster.
  for (const statement of statements) await run(statement);
}

const TABLES = `SELECT table_name, table_comment, @@lower_case_table_names FROM information_schema.tables
  WHERE table_schema = DATABASE() AND table_name IN (?, ?)`;

function fold(name: unknown): string {
  return String(name).toLowerCase();
}

const PROBE = "é😀";
const PROBE_HEX = "C3A9F09F9880";

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` for connections that could not keep what is saved */
async function checkSession(run: (sql: string, ...values: string[]) => Promise<SqlResult>): Promise<void> {
  const probe = `SELECT @@autocommit, DATABASE(), HEX(CONVERT(? USING utf8mb4)),
    CONVERT(UNHEX('${PROBE_HEX}') USING utf8mb4)`;
  const [autocommit, database, sent, received] = (await run(probe, PROBE)).rows[0]!;
  const invalid = (what: string) => new TokenStoreError("ERR_INVALID_OPTIONS", `mysql: ${what}`);
  if (database === null) throw invalid("the connection has no database. Name one in the url or the pool.");
  if (Number(autocommit) !== 1) {
    throw invalid("autocommit is off on this pool's connections, so that no save would last. Turn it on.");
  }
  if (sent !== PROBE_HEX || String(received) !== PROBE) {
    throw invalid("the connections must have the charset utf8mb4. Set it on the pool.");
  }
}
