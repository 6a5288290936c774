import {
  type Backend,
  type Lookup,
  type Place,
  type RecordKeys,
  type TokenRecord,
  TokenStoreError,
  UNIQUE_KEYS,
} from "@tokenkeep/core";
import { Connection } from "./connection.js";
import { explain } from "./explain.js";
import { type Keys, keysIn, padded } from "./keys.js";
import type { Settings } from "./options.js";
import { fromJson, toJson } from "./record-json.js";
import { CLEAR, FIND, OPEN, REMOVE, SCAN, WRITE } from "./record-scripts.js";
import { RedisLeases } from "./redis-leases.js";
import type { Script } from "./script.js";

/** How much one script reads, so that no other client waits long: so many records, or about so many bytes. */
const PAGE = 512;
const PAGE_BYTES = 1 << 20;

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
  readonly #recordKeys: readonly string[];
  readonly #connection: Connection;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.secrets = settings.secrets;
    this.#keys = keysIn(settings.namespace);
    const { records, keys, users, order, leads, ends, meta } = this.#keys;
    this.#recordKeys = [records, keys, users, order, leads, ends, meta];
    this.#connection = new Connection(settings.connection);
    this.leases = new RedisLeases(this.#keys, () => this.#connection.client);
  }

  async open(): Promise<void> {
    await this.#run(OPEN, [this.#settings.ttlMs === undefined ? "0" : "1"]);
  }

  close(): void {
    this.#connection.close();
  }

  async read(lookups: readonly Lookup[]): Promise<TokenRecord[]> {
    const args: string[] = [];
    for (const { kind, key } of lookups) args.push(kind === "id" || kind === "user" ? kind : "key", key);
    return this.#records(await this.#run(FIND, args));
  }

  async insert(record: TokenRecord, keys: RecordKeys): Promise<boolean> {
    return this.#put(record, keys, "");
  }

  async replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
    return this.#put(record, keys, previous.etag);
  }

  async #put(record: TokenRecord, keys: RecordKeys, previousEtag: string): Promise<boolean> {
    const args = [
      previousEtag,
      record.id,
      record.etag,
      toJson(record),
      padded(record.createdAt),
      padded(record.savedAt),
      keys.user ?? "-",
      String(this.#settings.ttlMs ?? ""),
    ];
    for (const kind of UNIQUE_KEYS) {
      const key = keys[kind];
      if (key !== null) args.push(key);
    }
    return (await this.#write(WRITE, args)) === 1;
  }

  async remove(id: string): Promise<void> {
    await this.#write(REMOVE, [id]);
  }

  async clear(): Promise<void> {
    await this.#write(CLEAR, []);
  }

  async scan(after: Place | null, limit: number | null): Promise<TokenRecord[]> {
    const start = after === null ? "" : `${padded(after.createdAt)}:${after.id}`;
    let found: TokenRecord[] = [];
    let from = start;
    let cleared: unknown;
    for (;;) {
      const size = Math.min(PAGE, (limit ?? Number.POSITIVE_INFINITY) - found.length);
      const page = await this.#run(SCAN, [from, String(size), String(PAGE_BYTES)]);
      const [clearedNow, last, records] = page as [unknown, string, unknown];
      if (found.length > 0 && clearedNow !== cleared) {
        // all were removed meanwhile: what was read is of before that, and must not be mixed with what came after
        found = [];
        from = start;
        continue;
      }
      cleared = clearedNow;
      found.push(...this.#records(records));
      if (last === "" || found.length === limit) return found;
      from = last;
    }
  }

  #records(found: unknown): TokenRecord[] {
    return (found as readonly string[]).map((text) => fromJson(text, this.#keys.records));
  }

  #run(script: Script, args: readonly string[]): Promise<unknown> {
    return script.run(this.#connection.client, this.#recordKeys, args);
  }

  async #write(script: Script, args: readonly string[]): Promise<unknown> {
    const { waitReplicas, timeoutMs } = this.#settings;
    if (waitReplicas === 0) return this.#run(script, args);
    // leaves time for a second try, where the server has to learn the script first, and to tell of it
    const ms = Math.ceil(timeoutMs / 3);
    const client = this.#connection.client;
    const done = await script.runAndWait(client, this.#recordKeys, args, waitReplicas, ms);
    if (done.answer === 1 && done.acknowledged < waitReplicas) {
      throw new TokenStoreError(
        "ERR_UNAVAILABLE",
        `redis: the master has this write, but only ${done.acknowledged} of ${waitReplicas} replicas had it ` +
          `within ${ms} ms: a failover now may lose it. Check the replicas and call again, or ask for fewer with ` +
          "waitReplicas.",
      );
    }
    return done.answer;
  }

  explain(error: unknown): TokenStoreError {
    return explain(error, this.#keys, this.#connection.lastError);
  }
}
