import { TokenStoreError } from "@tokenkeep/core";
import type { SqlTables } from "@tokenkeep/core/sql";
import type { SqliteConnection } from "./connection.js";

/** The tables of every namespace. */
export const TABLES: SqlTables = { tokens: "tokenkeep_tokens", locks: "tokenkeep_locks" };

/**
 * What each version of the schema adds to the one before. A database is migrated step by step; a step that was
 * released is never changed.
 */
export const STEPS: readonly string[] = [
  // The *_key columns hold digests, so that each unique index is short and exact. The index by user has no saved_at:
  // sorting a user's few records costs less than writing that index with every save.
  `CREATE TABLE tokenkeep_tokens (
    namespace TEXT NOT NULL,
    id TEXT NOT NULL,
    etag TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    user_client_key TEXT,
    grant_token_key TEXT,
    refresh_token_key TEXT,
    access_token_key TEXT,
    user_key TEXT,
    record TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
  ) STRICT;
  CREATE UNIQUE INDEX tokenkeep_tokens_user_client
    ON tokenkeep_tokens (namespace, user_client_key) WHERE user_client_key IS NOT NULL;
  CREATE UNIQUE INDEX tokenkeep_tokens_grant_token
    ON tokenkeep_tokens (namespace, grant_token_key) WHERE grant_token_key IS NOT NULL;
  CREATE UNIQUE INDEX tokenkeep_tokens_refresh_token
    ON tokenkeep_tokens (namespace, refresh_token_key) WHERE refresh_token_key IS NOT NULL;
  CREATE UNIQUE INDEX tokenkeep_tokens_access_token
    ON tokenkeep_tokens (namespace, access_token_key) WHERE access_token_key IS NOT NULL;
  CREATE INDEX tokenkeep_tokens_user
    ON tokenkeep_tokens (namespace, user_key) WHERE user_key IS NOT NULL;
  CREATE INDEX tokenkeep_tokens_order ON tokenkeep_tokens (namespace, created_at, id);
  CREATE TABLE tokenkeep_locks (
    namespace TEXT NOT NULL,
    lock_key TEXT NOT NULL,
    owner TEXT,
    held_until INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    next_owner TEXT,
    next_until INTEGER NOT NULL,
    PRIMARY KEY (namespace, lock_key)
  ) STRICT, WITHOUT ROWID;`,
];

const META =
  "CREATE TABLE IF NOT EXISTS tokenkeep_meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID";

/**
 * The version of our schema in a database, 0 where it has none.
 * @param isOurs whether the file is for tokens alone, so that another program's tables are refused
 * @throws TokenStoreError `ERR_SCHEMA` for a schema that is newer than this package, or not ours
 */
export function versionOf(connection: SqliteConnection, isOurs: boolean): number {
  // All tables in one read: between two, another process may have created ours.
  const names = connection.rows(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
  );
  const tables = new Set(names.map(([name]) => String(name)));
  if (!tables.has("tokenkeep_meta")) {
    const foreign = Object.values(TABLES).find((name) => tables.has(name));
    if (foreign !== undefined) throw schemaError(`the table ${foreign} is another program's. Rename it.`);
    if (isOurs && tables.size > 0) {
      throw schemaError(
        "this database has another program's tables. Name a file of its own, or open the database yourself and " +
          "pass it as `database`: the tables are then added to it.",
      );
    }
    return 0;
  }
  const [row] = connection.rows("SELECT value FROM tokenkeep_meta WHERE name = 'version'");
  const version = row?.[0];
  if (typeof version !== "number" || version < 1) {
    throw schemaError("the table tokenkeep_meta has no version. Restore a backup.");
  }
  if (version > STEPS.length) {
    throw schemaError(
      `the database has version ${version} of the schema, and this package knows up to ${STEPS.length}. ` +
        "Update @tokenkeep/sqlite.",
    );
  }
  return version;
}

/** Brings the schema to its last version, in a transaction. */
export function migrate(connection: SqliteConnection, isOurs: boolean): void {
  if (versionOf(connection, isOurs) === STEPS.length) return;
  connection.transaction(() => {
    const version = versionOf(connection, isOurs);
    connection.exec(META);
    for (const step of STEPS.slice(version)) connection.exec(step);
    connection.exec(
      `INSERT INTO tokenkeep_meta VALUES ('version', ${STEPS.length})
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    );
  });
}

/** @throws TokenStoreError `ERR_SCHEMA` where there are no tables, or older ones */
export function checkCurrent(connection: SqliteConnection): void {
  const version = versionOf(connection, false);
  if (version === STEPS.length) return;
  throw schemaError(
    version === 0
      ? "the database has no token store. Check the path."
      : `the database has version ${version} of the schema. Run: npx tokenkeep migrate`,
  );
}

function schemaError(what: string): TokenStoreError {
  return new TokenStoreError("ERR_SCHEMA", `sqlite: ${what}`);
}
