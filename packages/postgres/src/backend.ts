import type { TokenStoreError } from "@tokenkeep/core";
import { codeOf, type Deadline } from "@tokenkeep/core/backend";
import { type Dialect, PooledConnection, SqlBackend } from "@tokenkeep/core/sql";
import { PostgresPool } from "./connection.js";
import type { CheckedOptions } from "./options.js";
import { openSchema, tablesIn } from "./schema.js";

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
export class PostgresBackend extends SqlBackend {
  readonly durable = true;
  readonly shared = true;
  readonly secrets: readonly string[];
  readonly #pool: PostgresPool;
  readonly #connection: PooledConnection;
  readonly #options: CheckedOptions;

  constructor(options: CheckedOptions) {
    const { schema, namespace, secrets } = options;
    const pool = new PostgresPool(options);
    const connection = new PooledConnection(DIALECT.name, pool);
    super({ connection, dialect: DIALECT, tables: tablesIn(schema), namespace });
    this.secrets = secrets;
    this.#pool = pool;
    this.#connection = connection;
    this.#options = options;
  }

  open(deadline: Deadline): Promise<void> {
    const { schema, createTables } = this.#options;
    return openSchema(this.#connection, schema, createTables, deadline);
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  toStoreError(error: unknown): TokenStoreError | undefined {
    return this.#connection.toStoreError(error);
  }
}
