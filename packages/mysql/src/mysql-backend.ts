import {
  type Backend,
  type Lookup,
  type Place,
  type RecordKeys,
  TOKEN_COLUMNS,
  type TokenRecord,
  TokenStoreError,
} from "@tokenkeep/core";
import { type Adoption, type AdoptionReport, adopt, reportIn } from "./adopt.js";
import type { Connections } from "./connections.js";
import { DUPLICATE, errnoOf, explainError } from "./failures.js";
import { MysqlLeases } from "./mysql-leases.js";
import { LOCKS_SUFFIX, quoteName } from "./names.js";
import { ReadQueue } from "./read-queue.js";
import { kindsOf, type PreparedStatement, RecordStatements } from "./record-statements.js";
import { openSchema, type SchemaSettings } from "./schema.js";
import { textWayOver } from "./text.js";

export interface MysqlBackendSettings extends SchemaSettings {
  readonly namespace: string;
  readonly secrets: readonly string[];
  readonly adoption: Adoption | undefined;
  /** Ends the pool; undefined where it is the caller's. */
  readonly end: (() => Promise<void>) | undefined;
}

/** Records in one table, found by unique indexes; each method is one autocommitted statement. */
export class MysqlBackend implements Backend {
  readonly name = "mysql";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly leases: MysqlLeases;
  readonly secrets: readonly string[];
  readonly #connections: Connections;
  readonly #settings: MysqlBackendSettings;
  /** By the kinds of their lookups. */
  readonly #queues = new Map<string, ReadQueue>();
  #statements!: RecordStatements;

  constructor(connections: Connections, settings: MysqlBackendSettings) {
    this.#connections = connections;
    this.#settings = settings;
    this.secrets = settings.secrets;
    const { table, namespace } = settings;
    this.leases = new MysqlLeases(connections, quoteName(table + LOCKS_SUFFIX), namespace);
  }

  async open(): Promise<void> {
    const { table, namespace, adoption } = this.#settings;
    const way = await textWayOver(this.#connections);
    const statements = new RecordStatements(quoteName(table), namespace, way);
    await openSchema(this.#connections, this.#settings);
    if (adoption !== undefined) await adopt(adoption, this.#connections, this.#settings, statements);
    this.#statements = statements;
  }

  async adoption(): Promise<AdoptionReport | null> {
    const { adoption, table } = this.#settings;
    return adoption === undefined ? null : reportIn(this.#connections, table, adoption);
  }

  async close(): Promise<void> {
    await this.#settings.end?.();
  }

  async read(lookups: readonly Lookup[], settles: (record: TokenRecord) => boolean): Promise<TokenRecord[]> {
    const first = (await this.#queueFor(lookups).read(this.#statements.valuesOfFirst(lookups))).map(recordOf);
    // Seldom: the first record that was found is of another user or client, so that the others count too.
    if (lookups.length > 1 && first.length > 0 && !first.some(settles)) {
      return this.#select(this.#statements.all(lookups));
    }
    return first;
  }

  insert(record: TokenRecord, keys: RecordKeys): Promise<boolean> {
    return this.#write(this.#statements.insert([{ record, keys }]));
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
    return this.#write(this.#statements.replace(record, keys, previous));
  }

  async remove(id: string): Promise<void> {
    const { sql, values } = this.#statements.remove(id);
    await this.#connections.run(sql, values);
  }

  async clear(): Promise<void> {
    const { sql, values } = this.#statements.clear();
    // not sent again after a lost reply: it would take what was saved in between
    await this.#connections.run(sql, values, false);
  }

  scan(after: Place | null, limit: number | null): Promise<TokenRecord[]> {
    return this.#select(this.#statements.scan(after, limit));
  }

  explain(error: unknown): TokenStoreError | undefined {
    return explainError(error, "Make them with the SQL in the README (mysqlSchema() gives it too)");
  }

  #queueFor(lookups: readonly Lookup[]): ReadQueue {
    const name = kindsOf(lookups);
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      const kinds = lookups.map(({ kind }) => kind);
      queue = new ReadQueue(this.#connections, (reads) => this.#statements.first(kinds, reads));
      this.#queues.set(name, queue);
    }
    return queue;
  }

  async #select({ sql, values }: PreparedStatement): Promise<TokenRecord[]> {
    return (await this.#connections.run(sql, values)).rows.map(recordOf);
  }

  async #write({ sql, values }: PreparedStatement): Promise<boolean> {
    try {
      return (await this.#connections.run(sql, values)).affectedRows > 0;
    } catch (error) {
      if (errnoOf(error) === DUPLICATE) return false;
      throw error;
    }
  }
}

function recordOf(row: readonly unknown[]): TokenRecord {
  const record: Record<string, string | number | null> = {};
  TOKEN_COLUMNS.forEach(({ property, column, type }, index) => {
    const value = row[index];
    if (value === null || value === undefined) record[property] = null;
    else if (type === "integer") record[property] = integerOf(value, column);
    else record[property] = Buffer.isBuffer(value) ? value.toString() : String(value);
  });
  return record as unknown as TokenRecord;
}

function integerOf(value: unknown, column: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new TokenStoreError(
    "ERR_CORRUPT",
    `mysql: a record's ${column} is not a whole number that fits. Look at the table and correct it.`,
  );
}
