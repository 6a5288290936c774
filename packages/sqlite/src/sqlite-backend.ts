import { setTimeout as sleep } from "node:timers/promises";
import type {
  Backend,
  Leases,
  Lookup,
  MaybePromise,
  Place,
  RecordKeys,
  TokenRecord,
  TokenStoreError,
} from "@tokenkeep/core";
import { type AdoptionReport, adopt, isZohoSample, reportIn } from "./adoption.js";
import { explain, isBusy } from "./errors.js";
import { SqliteLeases } from "./leases.js";
import { openDatabase } from "./open.js";
import type { CheckedOptions, SqliteDatabase } from "./options.js";
import { migrate, tablesOf } from "./schema.js";
import { Statements } from "./statements.js";

/** Records in the table `tokenkeep_tokens`, a statement for each look and each write. */
export class SqliteBackend implements Backend {
  readonly name = "sqlite";
  readonly durable: boolean;
  readonly shared: boolean;
  readonly namespaces = true;
  readonly leases: Leases;
  readonly #options: CheckedOptions;
  #database: SqliteDatabase | undefined;
  #statements: Statements | undefined;
  #leases: SqliteLeases | undefined;

  constructor(options: CheckedOptions) {
    this.#options = options;
    const isMemory = options.path === ":memory:" || options.database?.memory === true;
    this.durable = !isMemory;
    this.shared = !isMemory;
    // there from the start, since core asks for it before the database is open
    this.leases = {
      acquire: (...call) => this.#leases!.acquire(...call),
      renew: (...call) => this.#leases!.renew(...call),
      release: (...call) => this.#leases!.release(...call),
    };
  }

  open(): MaybePromise<void> {
    return this.#whenFree(() => {
      const { path, database: given, synchronous, namespace } = this.#options;
      const database = given ?? openDatabase(path!, synchronous);
      try {
        database
          .transaction(() => {
            migrate(database);
            const statements = new Statements(database, namespace);
            if (this.#options.adopt ?? (given === undefined && isZohoSample(tablesOf(database)))) {
              adopt(database, ({ record, keys }) => statements.insert(record, keys));
            }
          })
          .immediate();
        this.#statements = new Statements(database, namespace);
        this.#leases = new SqliteLeases(database, namespace, (work) =>
          this.#whenFree(() => database.transaction(work).immediate()),
        );
        this.#database = database;
      } catch (error) {
        if (given === undefined) database.close();
        throw error;
      }
    });
  }

  close(): void {
    if (this.#options.database === undefined) this.#database?.close();
  }

  adoption(): AdoptionReport | null {
    return reportIn(this.#database!);
  }

  read(lookups: readonly Lookup[], settles: (record: TokenRecord) => boolean): MaybePromise<TokenRecord[]> {
    return this.#whenFree(() => {
      const records: TokenRecord[] = [];
      // a look costs microseconds, so one at a time, and none behind the one that settles it
      for (const lookup of lookups) {
        const record = this.#statements!.find(lookup);
        if (record === undefined) continue;
        records.push(record);
        if (settles(record)) break;
      }
      return records;
    });
  }

  insert(record: TokenRecord, keys: RecordKeys): MaybePromise<boolean> {
    return this.#whenFree(() => this.#statements!.insert(record, keys));
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): MaybePromise<boolean> {
    return this.#whenFree(() => this.#statements!.replace(record, keys, previous));
  }

  remove(id: string): MaybePromise<void> {
    return this.#whenFree(() => this.#statements!.remove(id));
  }

  clear(): MaybePromise<void> {
    return this.#whenFree(() => this.#statements!.clear());
  }

  scan(after: Place | null, limit: number | null): MaybePromise<TokenRecord[]> {
    return this.#whenFree(() => this.#statements!.scan(after, limit));
  }

  explain(error: unknown): TokenStoreError | undefined {
    return explain(error);
  }

  /** Does it now; where another process has the lock, again and again until the time is over. */
  #whenFree<T>(work: () => T): MaybePromise<T> {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.#again(work);
    }
  }

  async #again<T>(work: () => T): Promise<T> {
    const end = performance.now() + this.#options.timeoutMs;
    for (;;) {
      await sleep(1 + Math.random() * 20);
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || performance.now() > end) throw error;
      }
    }
  }
}
