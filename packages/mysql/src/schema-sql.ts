import { invalidOption } from "@tokenkeep/core";
import { checkTable, LOCKS_SUFFIX, quoteName } from "./names.js";

/** The version of the tables that this package makes. It stands in their comment. */
export const SCHEMA_VERSION = 1;

/** Which tables {@link mysqlSchema} is to make. */
export interface MysqlSchemaOptions {
  /** The table's name; `tokenkeep` by default. */
  readonly table?: string | undefined;
  /** Which server it is for: they name the collation that compares byte by byte differently. */
  readonly server?: "mysql" | "mariadb" | undefined;
}

const COLLATIONS = { mysql: "utf8mb4_0900_bin", mariadb: "utf8mb4_nopad_bin" };

export function schemaComment(version: number): string {
  return `tokenkeep schema ${version}`;
}

/**
 * The statements that make the tables, for those who would rather run them by hand and give the store a
 * user without the privilege to create tables (`createTable: false`).
 * @param options the table's name, and which server it is for
 * @returns two statements, for the records and for the locks; each makes its table where it is not there
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function mysqlSchema(options: MysqlSchemaOptions = {}): string[] {
  const table = checkTable("table", options.table ?? "tokenkeep", LOCKS_SUFFIX);
  const collation = COLLATIONS[options.server ?? "mysql"];
  if (collation === undefined) throw invalidOption('server must be "mysql" or "mariadb".');
  const text = `CHARACTER SET utf8mb4 COLLATE ${collation}`;
  const opaque = "CHARACTER SET ascii COLLATE ascii_bin";
  const end = `ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=${collation} COMMENT='${schemaComment(SCHEMA_VERSION)}'`;
  // by_user has no saved_at, though the newest is looked for: each save would have to move its entry
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteName(table)} (
  \`namespace\` VARCHAR(255) ${text} NOT NULL,
  \`id\` VARCHAR(255) ${text} NOT NULL,
  \`user_name\` MEDIUMTEXT ${text},
  \`client_id\` MEDIUMTEXT ${text},
  \`client_secret\` MEDIUMTEXT ${text},
  \`refresh_token\` MEDIUMTEXT ${text},
  \`access_token\` MEDIUMTEXT ${text},
  \`grant_token\` MEDIUMTEXT ${text},
  \`expires_at\` BIGINT,
  \`redirect_url\` MEDIUMTEXT ${text},
  \`api_domain\` MEDIUMTEXT ${text},
  \`revision\` BIGINT NOT NULL,
  \`etag\` VARCHAR(64) ${opaque} NOT NULL,
  \`created_at\` BIGINT NOT NULL,
  \`saved_at\` BIGINT NOT NULL,
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
    `CREATE TABLE IF NOT EXISTS ${quoteName(table + LOCKS_SUFFIX)} (
  \`namespace\` VARCHAR(255) ${text} NOT NULL,
  \`lock_key\` CHAR(43) ${opaque} NOT NULL,
  \`fence\` BIGINT NOT NULL,
  \`owner\` VARCHAR(36) ${opaque},
  \`held_until\` DATETIME(6),
  \`next_owner\` VARCHAR(36) ${opaque},
  \`next_until\` DATETIME(6),
  \`note\` MEDIUMTEXT ${text},
  PRIMARY KEY (\`namespace\`, \`lock_key\`)
) ${end}`,
  ];
}
