import { TokenStoreError } from "@tokenkeep/core";
import {
  type Backend,
  type Cursor,
  type Deadline,
  decodeRecord,
  encodeRecord,
  keysOf,
  type Lookup,
  type RecordKeys,
  type TokenRecord,
} from "@tokenkeep/core/backend";
import { type Connection, connectionTo } from "./connection.js";
import { isWriteStop, toStoreError } from "./errors.js";
import { RedisLeases } from "./leases.js";
import type { CheckedOptions } from "./options.js";
import {
  type Entries,
  entriesOf,
  type Keys,
  keysIn,
  LAYOUT,
  lookupText,
  NO_ENTRIES,
  orderOf,
} from "./schema.js";
import {
  CLEAR,
  FIND,
  LAYOUT_OF,
  OPEN,
  REMOVE,
  type ReadScript,
  SCAN,
  type Script,
  WRITE,
} from "./scripts.js";

/** How many records one script reads, so that no other client waits long. */
const PAGE = 256;

/** Records in a few keys per namespace (see `schema.ts`), read and written by scripts. */
export class RedisBackend implements Backend {
  readonly name = "redis";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly secrets: readonly string[];
  readonly leases: RedisLeases;
  readonly #options: CheckedOptions;
  readonly #keys: Keys;
  readonly #connection: Connection;
  #hasJoined = false;

  constructor(options: CheckedOptions) {
    this.#options = options;
    this.secrets = options.secrets;
    this.#keys = keysIn(options.namespace);
    this.#connection = connectionTo(options.target, options.timeoutMs);
    this.leases = new RedisLeases(this.#keys, this.#connection);
  }

  async open(deadline: Deadline): Promise<void> {
    if (!this.#hasJoined) this.#connection.join();
    this.#hasJoined = true;
    if (this.#options.open === "existing") await this.#checkLayout(deadline);
    else
      await this.#connection.run(
        { script: OPEN, keys: this.#allKeys, args: [], isRepeatable: true },
        deadline,
      );
    await warnOfEviction(this.#connection, deadline);
  }

  async #checkLayout(deadline: Deadline): Promise<void> {
    const layout = await this.#read(LAYOUT_OF, [this.#keys.meta], [], deadline);
    if (layout === LAYOUT) return;
    if (layout !== null) throw new Error(`TOKENKEEP_LAYOUT ${layout}`);
    throw new TokenStoreError(
      "ERR_SCHEMA",
      `redis: there is no store with this namespace in this database (no key ${this.#keys.meta}). Check the url, its ` +
        "database and the namespace. To create the store, run: npx tokenkeep migrate",
    );
  }

  close(): void {
    if (this.#hasJoined) this.#connection.leave();
  }

  async read(lookups: readonly Lookup[], deadline: Deadline): Promise<TokenRecord[]> {
    const { records, index, users } = this.#keys;
    const found = await this.#read(FIND, [records, index, users], lookups.map(lookupText), deadline);
    return this.#decode(found as string[]);
  }

  insert(record: TokenRecord, keys: RecordKeys, deadline: Deadline): Promise<boolean> {
    return this.#write(record.id, "", NO_ENTRIES, record, entriesOf(record, keys), deadline);
  }

  replace(
    record: TokenRecord,
    keys: RecordKeys,
    previous: TokenRecord,
    deadline: Deadline,
  ): Promise<boolean> {
    const before = entriesOf(previous, keysOf(previous));
    return this.#write(record.id, previous.etag, before, record, entriesOf(record, keys), deadline);
  }

  remove(previous: TokenRecord, deadline: Deadline): Promise<boolean> {
    const before = entriesOf(previous, keysOf(previous));
    return this.#write(previous.id, previous.etag, before, null, NO_ENTRIES, deadline);
  }

  async #write(
    id: string,
    etag: string,
    before: Entries,
    record: TokenRecord | null,
    after: Entries,
    deadline: Deadline,
  ): Promise<boolean> {
    const text = record === null ? "" : `${record.etag} ${encodeRecord(record)}`;
    const lost = before.unique.filter((key) => !after.unique.includes(key));
    const gained = after.unique.filter((key) => !before.unique.includes(key));
    const moves = [before.user, after.user, before.order, after.order];
    const args = [id, etag, text, ...moves, String(lost.length), ...lost, ...gained];
    return this.#writeBy(record === null ? REMOVE : WRITE, args, deadline);
  }

  async clear(deadline: Deadline): Promise<void> {
    await this.#writeBy(CLEAR, [], deadline);
  }

  async #writeBy(script: Script, args: readonly string[], deadline: Deadline): Promise<boolean> {
    const { waitReplicas } = this.#options;
    const call = { script, keys: this.#allKeys, args, waitReplicas };
    return Number(await this.#connection.run(call, deadline)) === 1;
  }

  async scan(after: Cursor | null, limit: number | null, deadline: Deadline): Promise<TokenRecord[]> {
    const { records, order, meta } = this.#keys;
    const start = after === null ? "" : orderOf(after.createdAt, after.id);
    let found: TokenRecord[] = [];
    let from = start;
    let clearedBefore: string | undefined;
    for (;;) {
      const size = Math.min(PAGE, (limit ?? Number.POSITIVE_INFINITY) - found.length);
      const reply = await this.#read(SCAN, [records, order, meta], [from, String(size)], deadline);
      const [cleared, last, ...page] = reply as [string, string, ...string[]];
      if (clearedBefore !== undefined && cleared !== clearedBefore) {
        // What was read is gone, and must not be mixed with what was saved since.
        found = [];
        from = start;
        clearedBefore = undefined;
        continue;
      }
      found.push(...this.#decode(page));
      if (last === "" || found.length === limit) return found;
      clearedBefore = cleared;
      from = last;
    }
  }

  /** From ids and records in turn, as scripts return them. */
  #decode(found: readonly (string | null)[]): TokenRecord[] {
    const records: TokenRecord[] = [];
    for (let i = 0; i < found.length; i += 2) {
      const text = found[i + 1];
      // An entry without a record is what somebody left who removed the record by hand.
      if (typeof text !== "string") continue;
      const where = `redis: the record ${JSON.stringify(found[i])} in ${this.#keys.records}`;
      records.push(decodeRecord(text.slice(text.indexOf(" ") + 1), where));
    }
    return records;
  }

  async #read(
    { onMaster, anywhere }: ReadScript,
    keys: readonly string[],
    args: readonly string[],
    deadline: Deadline,
  ): Promise<unknown> {
    try {
      return await this.#connection.run({ script: onMaster, keys, args, isRepeatable: true }, deadline);
    } catch (error) {
      if (!isWriteStop(error)) throw error;
      return this.#connection.run({ script: anywhere, keys, args, isRepeatable: true }, deadline);
    }
  }

  get #allKeys(): readonly string[] {
    const { records, index, users, order, meta } = this.#keys;
    return [records, index, users, order, meta];
  }

  toStoreError(error: unknown): TokenStoreError | undefined {
    return toStoreError(error);
  }
}

let hasWarned = false;

/** A server that evicts keys would remove a whole namespace at once. */
async function warnOfEviction(connection: Connection, deadline: Deadline): Promise<void> {
  if (hasWarned) return;
  const memory = await connection.info("memory", deadline).catch(() => ""); // a user without the right to ask
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1] ?? "noeviction";
  if (policy === "noeviction" || hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    `The Redis server's maxmemory-policy is ${policy}: when its memory is full, it removes ` +
      `${policy.startsWith("allkeys") ? "all tokens of a namespace at once" : "locks that are held"}. Set it to noeviction.`,
    { code: "TOKENKEEP_REDIS_EVICTION" },
  );
}
