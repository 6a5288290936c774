import {
  type Backend,
  type Lookup,
  type Place,
  type RecordKeys,
  type TokenRecord,
  UNIQUE_KEYS,
} from "@tokenkeep/core";
import { MemoryLeases } from "./memory-leases.js";
import { SavedOrder } from "./saved-order.js";
import { type Entry, UserRecords } from "./user-records.js";

/** Maps by id and by key. Everything is answered at once, so that nothing can come in between. */
export class MemoryBackend implements Backend {
  readonly name = "memory";
  readonly durable = false;
  readonly shared = false;
  readonly namespaces = true;
  readonly leases: MemoryLeases = new MemoryLeases();

  #byId = new Map<string, Entry>();
  #byKey = {
    userClient: new Map<string, Entry>(),
    grantToken: new Map<string, Entry>(),
    refreshToken: new Map<string, Entry>(),
    accessToken: new Map<string, Entry>(),
  };
  #byUser = new Map<string, UserRecords>();
  #order = new SavedOrder();

  open(): void {}

  close(): void {
    this.clear();
  }

  read(lookups: readonly Lookup[], settles: (record: TokenRecord) => boolean): TokenRecord[] {
    const records: TokenRecord[] = [];
    for (const lookup of lookups) {
      const record = this.#look(lookup);
      if (record === undefined) continue;
      records.push(record);
      if (settles(record)) break;
    }
    return records;
  }

  #look({ kind, key }: Lookup): TokenRecord | undefined {
    if (kind === "id") return this.#byId.get(key)?.record;
    if (kind !== "user") return this.#byKey[kind].get(key)?.record;
    return this.#byUser.get(key)?.last()?.record;
  }

  insert(record: TokenRecord, keys: RecordKeys): boolean {
    if (this.#byId.has(record.id) || this.#isTaken(keys, undefined)) return false;
    this.#add({ record, keys });
    this.#order.add(record);
    return true;
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): boolean {
    const stored = this.#byId.get(previous.id);
    if (stored?.record.etag !== previous.etag || this.#isTaken(keys, stored)) return false;
    this.#drop(stored, keys);
    this.#add({ record, keys });
    return true;
  }

  #isTaken(keys: RecordKeys, own: Entry | undefined): boolean {
    return UNIQUE_KEYS.some((kind) => {
      const key = keys[kind];
      const holder = key === null ? undefined : this.#byKey[kind].get(key);
      return holder !== undefined && holder !== own;
    });
  }

  #add(entry: Entry): void {
    const { record, keys } = entry;
    this.#byId.set(record.id, entry);
    for (const kind of UNIQUE_KEYS) {
      const key = keys[kind];
      if (key !== null) this.#byKey[kind].set(key, entry);
    }
    if (keys.user === null) return;
    const records = this.#byUser.get(keys.user) ?? new UserRecords();
    this.#byUser.set(keys.user, records);
    records.add(entry);
  }

  /**
   * Takes the keys that lead to a record away, but for those that `next` has too: a Map that is large is built
   * anew after so many deletions.
   */
  #drop(entry: Entry, next?: RecordKeys): void {
    const { keys } = entry;
    for (const kind of UNIQUE_KEYS) {
      const key = keys[kind];
      if (key !== null && key !== next?.[kind]) this.#byKey[kind].delete(key);
    }
    if (keys.user === null || keys.user === next?.user) return;
    const records = this.#byUser.get(keys.user);
    records?.delete(entry);
    if (records?.isEmpty) this.#byUser.delete(keys.user);
  }

  remove(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    this.#drop(entry);
    this.#byId.delete(id);
    this.#order.delete(entry.record);
  }

  clear(): void {
    this.#byId = new Map();
    this.#byUser = new Map();
    this.#order = new SavedOrder();
    for (const kind of UNIQUE_KEYS) this.#byKey[kind] = new Map();
  }

  scan(after: Place | null, limit: number | null): TokenRecord[] {
    return this.#order.page(after, limit).map(({ id }) => this.#byId.get(id)!.record);
  }
}
