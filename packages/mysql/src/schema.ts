import { opaqueKey, TokenStoreError } from "@tokenkeep/core";
import type { Connections, Run } from "./connections.js";
import { LOCKS_SUFFIX } from "./names.js";
import { mysqlSchema, SCHEMA_VERSION } from "./schema-sql.js";
import { FROM_HEX, hex } from "./text.js";

export interface SchemaSettings {
  readonly table: string;
  readonly createTable: boolean;
  readonly timeoutMs: number;
}

interface State {
  readonly database: string;
  readonly server: "mysql" | "mariadb";
  /** The comment of each of our tables that is there. */
  readonly comments: readonly string[];
}

const STATE = `SELECT VERSION(), DATABASE(), @@autocommit, @@character_set_client,
  (SELECT GROUP_CONCAT(COALESCE(table_comment, '') SEPARATOR '\\n') FROM information_schema.tables
    WHERE table_schema = DATABASE()
    AND table_name IN (${FROM_HEX}, ${FROM_HEX}))`;

/** Sees to it that the tables are there, and of this version. Many processes may do it at once. */
export async function openSchema(connections: Connections, settings: SchemaSettings): Promise<void> {
  await connections.session(async (run) => {
    const state = await readState(run, settings.table);
    if (isReady(state, settings)) return;
    if (!settings.createTable) throw missing(state, settings);
    await underLock(run, state, settings, async () => {
      if (isReady(await readState(run, settings.table), settings)) return;
      for (const statement of mysqlSchema({ table: settings.table, server: state.server }))
        await run(statement);
    });
  });
}

/** Runs `work` while no other process sets up the same table. */
export async function underLock<T>(
  run: Run,
  state: { readonly database: string },
  settings: SchemaSettings,
  work: () => Promise<T>,
): Promise<T> {
  // at most 64 characters, and one for all who use this table on this server
  const name = `tokenkeep:${opaqueKey("schema", state.database, settings.table)}`;
  const { rows } = await run("SELECT GET_LOCK(?, ?)", [name, Math.ceil(settings.timeoutMs / 1000)]);
  if (Number(rows[0]?.[0]) !== 1) {
    throw new TokenStoreError(
      "ERR_UNAVAILABLE",
      "mysql: another process has been setting up the tables all the time. Try again.",
    );
  }
  // where the work fails the connection is dropped, and the lock with it
  const result = await work();
  await run("SELECT RELEASE_LOCK(?)", [name]);
  return result;
}

export async function readState(run: Run, table: string): Promise<State> {
  const names = [table, table + LOCKS_SUFFIX].map(hex);
  const [row = []] = (await run(STATE, names)).rows;
  const [version, database, autocommit, charset, comments] = row;
  if (database === null) {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      "mysql: the connection has no database. Name one: mysql://user:password@host/database.",
    );
  }
  if (Number(autocommit) !== 1) {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      "mysql: autocommit is off on this pool's connections, so that no save would last. Turn it on.",
    );
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what every charset has
  if (!/^[\x00-\x7f]*$/.test(table) && !String(charset).startsWith("utf8")) {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      "mysql: this table's name needs a connection with the charset utf8mb4. Set it on the pool.",
    );
  }
  return {
    database: String(database),
    server: /mariadb/i.test(String(version)) ? "mariadb" : "mysql",
    comments: comments === null ? [] : String(comments).split("\n"),
  };
}

/** @throws TokenStoreError `ERR_SCHEMA` for tables that are not ours, or newer than this package */
function isReady(state: State, { table }: SchemaSettings): boolean {
  for (const comment of state.comments) {
    const version = Number(/^tokenkeep schema (\d+)$/.exec(comment)?.[1]);
    if (Number.isNaN(version)) {
      throw new TokenStoreError(
        "ERR_SCHEMA",
        `mysql: there is a table ${JSON.stringify(table)} (or ${JSON.stringify(table + LOCKS_SUFFIX)}) that is ` +
          "not tokenkeep's. It was left as it is. Choose another name with the option table; to bring Zoho's " +
          "own table over, use the option adopt.",
      );
    }
    if (version > SCHEMA_VERSION) {
      throw new TokenStoreError(
        "ERR_SCHEMA",
        `mysql: the table ${JSON.stringify(table)} has schema ${version}, and this @tokenkeep/mysql knows ` +
          `${SCHEMA_VERSION}. It was left as it is. Update @tokenkeep/mysql.`,
      );
    }
  }
  return state.comments.length === 2;
}

function missing({ server }: State, { table }: SchemaSettings): TokenStoreError {
  return new TokenStoreError(
    "ERR_SCHEMA",
    "mysql: the tables are not there, and createTable is false. Make them with:\n\n" +
      `${mysqlSchema({ table, server }).join(";\n\n")};`,
  );
}
