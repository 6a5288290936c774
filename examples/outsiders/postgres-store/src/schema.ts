import { TokenStoreError } from "@tokenkeep/core";
import pg from "pg";

/** Written on the table as a comment; a change of the tables below needs another. */
const VERSION = "postgres-token-store 1";

export interface Tables {
  readonly tokens: string;
  readonly locks: string;
}

/** The names of the tables, quoted. */
export function tablesIn(schema: string | undefined): Tables {
  const prefix = schema === undefined ? "" : `${pg.escapeIdentifier(schema)}.`;
  return { tokens: `${prefix}oauth_tokens`, locks: `${prefix}oauth_token_locks` };
}

/** Makes the tables, once, however many processes come at the same moment. */
export async function openSchema(pool: pg.Pool, schema: string | undefined): Promise<void> {
  const tables = tablesIn(schema);
  if (await isThere(pool, tables)) return;
  // several statements in one query are one transaction, and who has the lock is alone with them
  await pool.query(`
    SELECT pg_advisory_xact_lock(hashtext(${pg.escapeLiteral(`${VERSION} ${tables.tokens}`)}));
    ${schema === undefined ? "" : `CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(schema)};`}
    ${createTables(tables)}`);
}

/** @throws TokenStoreError `ERR_SCHEMA` for tables of another version or another program, or another encoding */
async function isThere(pool: pg.Pool, { tokens }: Tables): Promise<boolean> {
  const { rows } = await pool.query(
    `SELECT t IS NOT NULL AS is_there, obj_description(t, 'pg_class') AS version,
      current_setting('server_encoding') AS encoding FROM to_regclass($1) t`,
    [tokens],
  );
  const { is_there, version, encoding } = rows[0];
  if (encoding !== "UTF8") {
    throw new TokenStoreError(
      "ERR_SCHEMA",
      `postgres: the database must have the encoding UTF8, not ${encoding}.`,
    );
  }
  if (!is_there) return false;
  if (version === VERSION) return true;
  throw new TokenStoreError(
    "ERR_SCHEMA",
    `postgres: the table ${tokens} was made by ${version ?? "another program"}, and this is ${VERSION}. ` +
      "Update this package, or name another schema.",
  );
}

// Names and ids are bytes, since text in PostgreSQL can't hold a NUL. So is JSON (not jsonb): it is kept as
// it was written, with "\u0000" in it. The keys are digests, and a unique index takes any number of NULLs.
function createTables({ tokens, locks }: Tables): string {
  return `
    CREATE TABLE IF NOT EXISTS ${tokens} (
      namespace bytea NOT NULL,
      id bytea NOT NULL,
      etag text NOT NULL,
      created_at bigint NOT NULL,
      saved_at bigint NOT NULL,
      user_client_key text,
      grant_token_key text,
      refresh_token_key text,
      access_token_key text,
      user_key text,
      record json NOT NULL,
      PRIMARY KEY (namespace, id),
      UNIQUE (namespace, user_client_key),
      UNIQUE (namespace, grant_token_key),
      UNIQUE (namespace, refresh_token_key),
      UNIQUE (namespace, access_token_key)
    );
    CREATE INDEX IF NOT EXISTS oauth_tokens_user ON ${tokens} (namespace, user_key);
    CREATE INDEX IF NOT EXISTS oauth_tokens_order ON ${tokens} (namespace, created_at, id);
    CREATE TABLE IF NOT EXISTS ${locks} (
      namespace bytea NOT NULL,
      key text NOT NULL,
      owner text,
      held_until timestamptz NOT NULL,
      next_owner text,
      next_until timestamptz,
      fence bigint NOT NULL,
      PRIMARY KEY (namespace, key)
    );
    COMMENT ON TABLE ${tokens} IS ${pg.escapeLiteral(VERSION)};`;
}
