import type { TokenStoreError } from "@tokenkeep/core";
import type { Deadline } from "@tokenkeep/core/backend";
import { type Dialect, PooledConnection, SqlBackend } from "@tokenkeep/core/sql";
import { MysqlConnections } from "./connection.js";
import { errnoOf } from "./errors.js";
import type { CheckedOptions } from "./options.js";
import { openSchema, tablesOf } from "./schema.js";

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
export class MysqlBackend extends SqlBackend {
  readonly durable = true;
  readonly shared = true;
  readonly secrets: readonly string[];
  readonly #pool: MysqlConnections;
  readonly #connection: PooledConnection;
  readonly #options: CheckedOptions;

  constructor(options: CheckedOptions) {
    const { table, namespace, secrets } = options;
    const pool = new MysqlConnections(options);
    const connection = new PooledConnection(DIALECT.name, pool);
    super({ connection, dialect: DIALECT, tables: tablesOf(table), namespace });
    this.secrets = secrets;
    this.#pool = pool;
    this.#connection = connection;
    this.#options = options;
  }

  open(deadline: Deadline): Promise<void> {
    const { table, createTables } = this.#options;
    return openSchema(this.#connection, table, createTables, deadline);
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  toStoreError(error: unknown): TokenStoreError | undefined {
    return this.#connection.toStoreError(error);
  }
}
