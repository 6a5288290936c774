import type { Cursor } from "./backend.js";
import { type Lookup, type RecordKeys, UNIQUE_KEYS } from "./lookups.js";
import type { TokenRecord } from "./record.js";
import { SavedOrder } from "./saved-order.js";

interface Entry {
  readonly record: TokenRecord;
  readonly keys: RecordKeys;
}

/** The records of one namespace in memory, by id, by key and by age: for a backend that holds them all. */
export class RecordMap {
  readonly #byId = new Map<string, Entry>();
  readonly #byKey = {
    userClient: new Map<string, Entry>(),
    grantToken: new Map<string, Entry>(),
    refreshToken: new Map<string, Entry>(),
    accessToken: new Map<string, Entry>(),
  };
  /** Not unique: a user has a record per client. */
  readonly #byUser = new Map<string, Set<Entry>>();
  readonly #order = new SavedOrder();

  /** How many there are. */
  get size(): number {
    return this.#byId.size;
  }

  /**
   * All of them.
   * @returns the records, in the order in which they were put first
   */
  records(): TokenRecord[] {
    return [...this.#byId.values()].map(({ record }) => record);
  }

  /**
   * All of them, with their index keys.
   * @returns as {@link RecordMap.records}
   */
  entries(): { readonly record: TokenRecord; readonly keys: RecordKeys }[] {
    return [...this.#byId.values()];
  }

  /**
   * The record with this id.
   * @param id the record's id
   * @returns the record, or undefined
   */
  get(id: string): TokenRecord | undefined {
    return this.#byId.get(id)?.record;
  }

  /**
   * The record that a lookup finds; for `user`, the one saved last.
   * @param lookup what to find
   * @returns the record, or undefined
   */
  find({ kind, key }: Lookup): TokenRecord | undefined {
    if (kind === "id") return this.#byId.get(key)?.record;
    if (kind !== "user") return this.#byKey[kind].get(key)?.record;
    let newest: TokenRecord | undefined;
    for (const { record } of this.#byUser.get(key) ?? []) {
      if (newest === undefined || record.savedAt >= newest.savedAt) newest = record;
    }
    return newest;
  }

  /**
   * What `Backend.read` asks for.
   * @param lookups what to find
   * @returns the records that were found
   */
  read(lookups: readonly Lookup[]): TokenRecord[] {
    return lookups.flatMap((lookup) => this.find(lookup) ?? []);
  }

  /**
   * Whether one of these keys belongs to another record.
   * @param keys the keys of a record
   * @param id that record's id
   * @returns true where a unique key does
   */
  isTaken(keys: RecordKeys, id: string): boolean {
    return UNIQUE_KEYS.some((kind) => {
      const key = keys[kind];
      const holder = key === null ? undefined : this.#byKey[kind].get(key);
      return holder !== undefined && holder.record.id !== id;
    });
  }

  /**
   * Stores a record instead of the one with its id, if there is one, unless a unique key belongs to another.
   * @param record what to store
   * @param keys its index keys
   * @returns whether it was stored
   */
  put(record: TokenRecord, keys: RecordKeys): boolean {
    if (this.isTaken(keys, record.id)) return false;
    const stored = this.#byId.get(record.id);
    if (stored !== undefined) this.#unlink(stored, keys);
    if (stored?.record.createdAt !== record.createdAt) {
      if (stored !== undefined) this.#order.delete(stored.record);
      this.#order.add(record);
    }
    const entry = { record, keys };
    this.#byId.set(record.id, entry);
    for (const kind of UNIQUE_KEYS) {
      const key = keys[kind];
      if (key !== null) this.#byKey[kind].set(key, entry);
    }
    if (keys.user !== null) {
      const entries = this.#byUser.get(keys.user) ?? new Set();
      this.#byUser.set(keys.user, entries);
      entries.add(entry);
    }
    return true;
  }

  /**
   * Removes a record and its keys.
   * @param id the record's id
   * @returns whether it was there
   */
  remove(id: string): boolean {
    const stored = this.#byId.get(id);
    if (stored === undefined) return false;
    this.#unlink(stored);
    this.#byId.delete(id);
    this.#order.delete(stored.record);
    return true;
  }

  // Keys that stay are not deleted: a large Map is rebuilt after so many deletions.
  #unlink(entry: Entry, next?: RecordKeys): void {
    const { keys } = entry;
    for (const kind of UNIQUE_KEYS) {
      const key = keys[kind];
      if (key !== null && key !== next?.[kind]) this.#byKey[kind].delete(key);
    }
    if (keys.user === null) return;
    const entries = this.#byUser.get(keys.user);
    entries?.delete(entry);
    if (entries?.size === 0 && keys.user !== next?.user) this.#byUser.delete(keys.user);
  }

  /**
   * What `Backend.scan` asks for.
   * @param after where to continue, or null to begin
   * @param limit how many at most, or null for all of them
   * @returns the records after that position, by `createdAt` and then by id
   */
  scan(after: Cursor | null, limit: number | null): TokenRecord[] {
    return this.#order.page(after, limit).map(({ id }) => this.#byId.get(id)!.record);
  }
}
