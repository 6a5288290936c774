import { TokenStoreError } from "@tokenkeep/core";
import { checkOptionNames, codeOf, type Deadline, invalidOption } from "@tokenkeep/core/backend";
import {
  checkSchemaComment,
  missingTables,
  type SqlConnection,
  type SqlTables,
  schemaComment,
} from "@tokenkeep/core/sql";
import type { CheckedOptions } from "./options.js";

/** The version of the tables that this package creates, which their comments name. */
export const SCHEMA_VERSION = 1;

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkSchemaName(schema: unknown): void {
  // PostgreSQL would truncate a longer one.
  if (typeof schema === "string" && /^[^\0]+$/.test(schema) && Buffer.byteLength(schema) < 64) return;
  throw invalidOption("schema must be the name of a schema, of up to 63 bytes.");
}

/** The names of the tables, quoted. */
export function tablesIn(schema: string | undefined): SqlTables {
  const prefix = schema === undefined ? "" : `${quoted(schema)}.`;
  return { tokens: `${prefix}tokenkeep`, locks: `${prefix}tokenkeep_locks` };
}

/** Which tables {@link postgresSchema} is to create. */
export interface PostgresSchemaOptions {
  /** Their schema, which must exist; by default the first of the search path. */
  readonly schema?: string | undefined;
}

/**
 * The statements that create the tables, to be run by hand if the store's user may not create tables
 * (`createTables: false`).
 * @param options where the tables are to be
 * @returns the statements, in order
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function postgresSchema(options: PostgresSchemaOptions = {}): string[] {
  checkOptionNames("postgresSchema", options, ["schema"]);
  const { schema } = options;
  if (schema !== undefined) checkSchemaName(schema);
  const { tokens, locks } = tablesIn(schema);
  // Names and ids are bytes, since text can't hold a NUL. The keys are digests.
  return [
    `CREATE TABLE IF NOT EXISTS ${tokens} (
  namespace bytea NOT NULL,
  id bytea NOT NULL,
  etag text NOT NULL,
  created_at bigint NOT NULL,
  saved_at bigint NOT NULL,
  record text NOT NULL,
  user_client_key text,
  grant_token_key text,
  refresh_token_key text,
  access_token_key text,
  user_key text,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, user_client_key),
  UNIQUE (namespace, grant_token_key),
  UNIQUE (namespace, refresh_token_key),
  UNIQUE (namespace, access_token_key)
)`,
    `CREATE INDEX IF NOT EXISTS tokenkeep_by_user ON ${tokens} (namespace, user_key)`,
    `CREATE INDEX IF NOT EXISTS tokenkeep_by_age ON ${tokens} (namespace, created_at, id)`,
    `CREATE TABLE IF NOT EXISTS ${locks} (
  namespace bytea NOT NULL,
  lock_key text NOT NULL,
  owner text,
  held_until bigint NOT NULL,
  fence bigint NOT NULL,
  next_owner text,
  next_until bigint NOT NULL,
  PRIMARY KEY (namespace, lock_key)
)`,
    `COMMENT ON TABLE ${tokens} IS '${schemaComment(SCHEMA_VERSION)}'`,
  ];
}

/** Creates the tables, once, however many processes start at the same moment. */
export async function openTables(
  connection: SqlConnection,
  options: CheckedOptions,
  deadline: Deadline,
): Promise<void> {
  const { schema, createTables } = options;
  const { tokens } = tablesIn(schema);
  const name = schema === undefined ? null : quoted(schema);
  const lookUp = async (): Promise<string[]> => {
    const { rows } = await connection.run({ sql: STATE, values: [tokens, name], isRead: true }, deadline);
    return rows[0]!.map(String);
  };
  let state = await lookUp();
  // Names are looked up in the latest state, comments in the statement's snapshot: a table that was committed in
  // between still lacks its comment.
  if (state[1] === "t" && state[2] === "") state = await lookUp();
  const [encoding, isThere, comment, lacksSchema] = state;
  if (encoding !== "UTF8") {
    const message = `postgres: the database must have the encoding UTF8, not ${encoding}.`;
    throw new TokenStoreError("ERR_SCHEMA", message);
  }
  if (isThere === "t") return checkSchemaComment("postgres", tokens, comment!, SCHEMA_VERSION);
  const statements = postgresSchema({ schema });
  if (!createTables) throw missingTables("postgres", statements);
  // CREATE SCHEMA needs its privilege even where IF NOT EXISTS finds the schema.
  const create = name !== null && lacksSchema === "t" ? [`CREATE SCHEMA IF NOT EXISTS ${name}`] : [];
  // Several statements in one query are one transaction. CREATE … IF NOT EXISTS alone fails if two processes race.
  const sql = [LOCK, ...create, ...statements].join(";\n");
  try {
    await connection.run({ sql, values: [], isRead: false, isRepeatable: true }, deadline);
  } catch (error) {
    // Another process created them while this one waited for the lock, and this session's cache still says that they
    // are missing. It is brought up to date before the next transaction.
    if (!EXISTS.test(codeOf(error))) throw error;
    deadline.check();
    return openTables(connection, options, deadline);
  }
}

const STATE = `SELECT current_setting('server_encoding'), to_regclass($1) IS NOT NULL,
  COALESCE(obj_description(to_regclass($1), 'pg_class'), ''), to_regnamespace($2) IS NULL`;
const LOCK = "SELECT pg_advisory_xact_lock(hashtext('tokenkeep'))";
/** unique_violation (of the catalog), duplicate_schema, duplicate_table. */
const EXISTS = /^(23505|42P06|42P07)$/;

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
