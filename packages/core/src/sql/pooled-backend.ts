import type { Deadline } from "../deadline.js";
import type { TokenStoreError } from "../errors.js";
import type { Dialect, SqlConnection, SqlTables } from "./dialect.js";
import type { CheckedPoolOptions } from "./pool-options.js";
import { PooledConnection, type SqlPool } from "./pooled-connection.js";
import { SqlBackend } from "./sql-backend.js";

/** What a {@link PooledBackend} needs to know of a server. */
export interface PooledBackendSettings {
  /** Where its SQL differs. */
  readonly dialect: Dialect;
  /** Its connections. The backend ends the pool. */
  readonly pool: SqlPool;
  /** The two tables. */
  readonly tables: SqlTables;
  /**
   * Checks the tables, and creates them where they are missing and may be created.
   * @param connection how statements reach the server
   * @param deadline when to give up
   */
  readonly openTables: (connection: SqlConnection, deadline: Deadline) => Promise<void>;
}

/** Records in a table of a database server. */
export class PooledBackend extends SqlBackend {
  readonly durable = true;
  readonly shared = true;
  /** Values that no error may show. */
  readonly secrets: readonly string[];
  readonly #settings: PooledBackendSettings;
  readonly #connection: PooledConnection;

  /**
   * Prepares the statements; nothing is connected yet.
   * @param options the store's
   * @param settings its server
   */
  constructor(options: CheckedPoolOptions<unknown, unknown>, settings: PooledBackendSettings) {
    const { dialect, pool, tables } = settings;
    const connection = new PooledConnection(dialect.name, pool);
    super({ connection, dialect, tables, namespace: options.namespace });
    this.secrets = options.secrets;
    this.#settings = settings;
    this.#connection = connection;
  }

  open(deadline: Deadline): Promise<void> {
    return this.#settings.openTables(this.#connection, deadline);
  }

  close(): Promise<void> {
    return this.#settings.pool.end();
  }

  toStoreError(error: unknown): TokenStoreError | undefined {
    return this.#connection.toStoreError(error);
  }
}
