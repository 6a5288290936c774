import { TOKEN_COLUMNS, TokenStoreError } from "@tokenkeep/core";
import type { SqliteDatabase } from "./options.js";

const fields = TOKEN_COLUMNS.map(({ property, column, type }) => {
  const required = ["id", "revision", "etag", "createdAt", "savedAt"].includes(property);
  return `${column} ${type === "integer" ? "INTEGER" : "TEXT"}${required ? " NOT NULL" : ""}`;
});

/**
 * What each version of the schema adds to the one before. A database is brought from its version to the
 * last one, step by step; a step that was released is never changed.
 */
export const STEPS: readonly string[] = [
  // 1: records. The *_key columns hold digests, so that each unique index is short and exact.
  // The index by user has no saved_at: to sort a user's few records costs less than to write it with every save.
  `CREATE TABLE tokenkeep_tokens (
    namespace TEXT NOT NULL,
    ${fields.join(",\n    ")},
    user_client_key TEXT,
    grant_token_key TEXT,
    refresh_token_key TEXT,
    access_token_key TEXT,
    user_key TEXT,
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
  CREATE INDEX tokenkeep_tokens_order ON tokenkeep_tokens (namespace, created_at, id);`,

  // 2: locks. Only those that are held or waited for have a row; one counter makes every fence.
  `CREATE TABLE tokenkeep_leases (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    owner TEXT,
    fence INTEGER NOT NULL,
    held_until INTEGER NOT NULL,
    next_owner TEXT,
    next_until INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO tokenkeep_meta (name, value) VALUES ('fence', 0);`,
];

const META =
  "CREATE TABLE IF NOT EXISTS tokenkeep_meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID";

/** The tables of a database: ours, Zoho's, and others. */
export function tablesOf(database: SqliteDatabase): Set<string> {
  const rows = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    .all();
  return new Set((rows as { name: string }[]).map(({ name }) => name));
}

/**
 * The version of our schema in a database, 0 where it has none.
 * @throws TokenStoreError `ERR_SCHEMA` for one that is newer than this package, or not ours
 */
export function versionOf(database: SqliteDatabase): number {
  const tables = tablesOf(database);
  if (!tables.has("tokenkeep_meta")) {
    const foreign = ["tokenkeep_tokens", "tokenkeep_leases"].find((name) => tables.has(name));
    if (foreign === undefined) return 0;
    throw new TokenStoreError(
      "ERR_SCHEMA",
      `sqlite: the table ${foreign} was not made by this package. Rename it.`,
    );
  }
  const row = database.prepare("SELECT value FROM tokenkeep_meta WHERE name = 'version'").get();
  const version = (row as { value: unknown } | undefined)?.value;
  if (typeof version !== "number" || version < 1) {
    throw new TokenStoreError(
      "ERR_SCHEMA",
      "sqlite: the table tokenkeep_meta names no version. Restore a backup.",
    );
  }
  if (version > STEPS.length) {
    throw new TokenStoreError(
      "ERR_SCHEMA",
      `sqlite: the database has version ${version} of the schema, and this package knows up to ${STEPS.length}. ` +
        "Update @tokenkeep/sqlite.",
    );
  }
  return version;
}

/** Brings the schema to its last version. To be run in a transaction that can write. */
export function migrate(database: SqliteDatabase): void {
  const version = versionOf(database);
  if (version === STEPS.length) return;
  database.exec(META);
  for (const step of STEPS.slice(version)) database.exec(step);
  database
    .prepare(
      "INSERT INTO tokenkeep_meta VALUES ('version', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .run(STEPS.length);
}
