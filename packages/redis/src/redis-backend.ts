import {
  type Backend,
  type Lookup,
  type Place,
  type RecordKeys,
  type TokenRecord,
  TokenStoreError,
} from "@tokenkeep/core";
import { Batch } from "./batch.js";
import { Connection } from "./connection.js";
import { explain } from "./explain.js";
import { type Found, fieldOf, find, readPlaces } from "./find.js";
import { type Keys, keysIn, padded, placeOf } from "./keys.js";
import type { Settings } from "./options.js";
import { SCAN } from "./read-scripts.js";
import { corrupt, fromJson, toJson } from "./record-json.js";
import { RedisLeases } from "./redis-leases.js";
import type { Answer, Script } from "./script.js";
import { CLEAR, OPEN, REMOVE, WRITE } from "./write-scripts.js";

/** How much one script reads, so that no other client waits long: so many records, or about so many bytes. */
const PAGE = 512;
const PAGE_BYTES = 1 << 20;
/** How many calls one script serves, and how long they are, for the same reason. */
const BATCH = 32;
const BATCH_BYTES = 1 << 18;

/** Records in a few keys per namespace (see `keys.ts`), read and written by scripts. */
export class RedisBackend implements Backend {
  readonly name = "redis";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly secrets: readonly string[];
  readonly leases: RedisLeases;

  readonly #settings: Settings;
  readonly #keys: Keys;
  readonly #writeKeys: readonly string[];
  readonly #connection: Connection;
  readonly #places: Batch<readonly string[], Found, TokenRecord[]>;
  readonly #finds: Batch<readonly string[], Found, TokenRecord[]>;
  readonly #puts: Batch<readonly string[], Answer<number>, Answer<number>>;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.secrets = settings.secrets;
    this.#keys = keysIn(settings.namespace);
    const { records, index, users, order, ends, meta } = this.#keys;
    this.#writeKeys = [records, index, users, order, ends, meta];
    this.#connection = new Connection(settings.connection, settings.timeoutMs);
    this.leases = new RedisLeases(this.#keys, this.#connection);
    this.#places = new Batch(
      (queries) => readPlaces(queries, this.#keys, this.#connection),
      this.#records,
      (queries) => queries === BATCH,
    );
    this.#finds = new Batch(
      (queries) => find(queries, this.#keys, this.#connection),
      this.#records,
      (queries) => queries === BATCH,
    );
    this.#puts = new Batch(
      (puts) => this.#putAll(puts),
      (answer) => answer,
      (puts, bytes) => puts === BATCH || bytes > BATCH_BYTES,
    );
  }

  async open(): Promise<void> {
    const needsEnds = this.#settings.ttlMs === undefined ? "0" : "1";
    await this.#connection.send((client) => OPEN.run(client, this.#writeKeys, [needsEnds]));
  }

  close(): void {
    this.#connection.close();
  }

  read(lookups: readonly Lookup[]): Promise<TokenRecord[]> {
    const arePlaces = this.#connection.readsFromMaster && lookups.every(({ kind }) => kind === "userClient");
    return (arePlaces ? this.#places : this.#finds).add(lookups.map(fieldOf), 0);
  }

  insert(record: TokenRecord, keys: RecordKeys): Promise<boolean> {
    return this.#put(record, keys, "");
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
    return this.#put(record, keys, previous.etag);
  }

  async #put(record: TokenRecord, keys: RecordKeys, previousEtag: string): Promise<boolean> {
    const user = keys.user === null ? "-" : `@${keys.user}`;
    const fields = [`=${placeOf(record.id, keys.userClient)}`, `:${record.id}`, user];
    let lead = `${record.etag} ${padded(record.createdAt)} ${padded(record.savedAt)} ${user} `;
    for (const key of [keys.grantToken, keys.refreshToken, keys.accessToken]) {
      if (key === null) continue;
      fields.push(key);
      lead += `${key} `;
    }
    lead += `:${record.id}`;
    const json = toJson(record);
    const args = [String(fields.length), previousEtag, lead, json, ...fields];
    const { answer, replicas } = await this.#puts.add(args, json.length);
    if (answer === -1)
      throw corrupt(this.#keys.index, "a record has no entry, or an entry no record", record.id);
    if (answer === 1) this.#checkReplicas(replicas);
    return answer === 1;
  }

  async #putAll(puts: readonly (readonly string[])[]): Promise<Answer<number>[]> {
    const ttl = String(this.#settings.ttlMs ?? "");
    const { answer, replicas } = await this.#write(WRITE, [ttl, ...puts.flat()]);
    return (answer as readonly unknown[]).map((done) => ({ answer: Number(done), replicas }));
  }

  async remove(id: string): Promise<void> {
    this.#checkReplicas((await this.#write(REMOVE, [`:${id}`])).replicas);
  }

  async clear(): Promise<void> {
    this.#checkReplicas((await this.#write(CLEAR, [])).replicas);
  }

  async scan(after: Place | null, limit: number | null): Promise<TokenRecord[]> {
    const { records, index, order, meta } = this.#keys;
    const start = after === null ? "" : `${padded(after.createdAt)}:${after.id}`;
    let found: TokenRecord[] = [];
    let from = start;
    let cleared: unknown;
    for (;;) {
      const size = Math.min(PAGE, (limit ?? Number.POSITIVE_INFINITY) - found.length);
      const args = [from, String(size), String(PAGE_BYTES)];
      const page = await this.#connection.send((client) =>
        SCAN.run(client, [records, index, order, meta], args),
      );
      const [clearedNow, last, texts] = page as [unknown, string, string[]];
      if (found.length > 0 && clearedNow !== cleared) {
        // all were removed meanwhile: what was read is of before that, and must not be mixed with what came after
        found = [];
        from = start;
        continue;
      }
      cleared = clearedNow;
      found.push(...this.#records(texts));
      if (last === "" || found.length === limit) return found;
      from = last;
    }
  }

  readonly #records = (texts: Found): TokenRecord[] => {
    const records: TokenRecord[] = [];
    for (const text of texts) if (text !== null) records.push(fromJson(text, this.#keys.records));
    return records;
  };

  #write(script: Script, args: readonly string[]): Promise<Answer<unknown>> {
    const { waitReplicas } = this.#settings;
    return this.#connection.send(async (client) =>
      waitReplicas > 0
        ? script.runAndWait(client, this.#writeKeys, args, waitReplicas, this.#waitMs)
        : { answer: await script.run(client, this.#writeKeys, args), replicas: 0 },
    );
  }

  /** Leaves time for a second try, where the server has to learn the script first, and to tell of it. */
  get #waitMs(): number {
    return Math.ceil(this.#settings.timeoutMs / 3);
  }

  #checkReplicas(replicas: number): void {
    const { waitReplicas } = this.#settings;
    if (replicas >= waitReplicas) return;
    throw new TokenStoreError(
      "ERR_UNAVAILABLE",
      `redis: the master has this write, but only ${replicas} of ${waitReplicas} replicas had it ` +
        `within ${this.#waitMs} ms: a failover now may lose it. Check the replicas and call again, or ask for ` +
        "fewer with waitReplicas.",
    );
  }

  explain(error: unknown): TokenStoreError {
    return explain(error, this.#keys, this.#connection.lastError);
  }
}
