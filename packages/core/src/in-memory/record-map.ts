import type { Place } from "../backend.js";
import { type Lookup, type RecordKeys, UNIQUE_KEYS } from "../lookups.js";
import type { TokenRecord } from "../record.js";
import { SavedOrder } from "./saved-order.js";
import { type Entry, UserRecords } from "./user-records.js";

/** The records of one namespace, by id, by key and by age. Each unique key is one record's. */
export class RecordMap {
  readonly #byId = new Map<string, Entry>();
  readonly #byKey = {
    userClient: new Map<string, Entry>(),
    grantToken: new Map<string, Entry>(),
    refreshToken: new Map<string, Entry>(),
    accessToken: new Map<string, Entry>(),
  };
  readonly #byUser = new Map<string, UserRecords>();
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
   * The record with this id.
   * @param id the record's id
   * @returns the record, or undefined
   */
  get(id: string): TokenRecord | undefined {
    return this.#byId.get(id)?.record;
  }

  /**
   * The record that a lookup leads to; for `user`, the one saved last.
   * @param lookup what to look for
   * @returns the record, or undefined
   */
  find({ kind, key }: Lookup): TokenRecord | undefined {
    if (kind === "id") return this.#byId.get(key)?.record;
    if (kind !== "user") return this.#byKey[kind].get(key)?.record;
    return this.#byUser.get(key)?.last()?.record;
  }

  /**
   * What `Backend.read` asks for.
   * @param lookups what to look for, first things first
   * @param settles whether a record makes all lookups behind its own needless
   * @returns the records that were found, up to the first that settles it
   */
  read(lookups: readonly Lookup[], settles: (record: TokenRecord) => boolean): TokenRecord[] {
    const records: TokenRecord[] = [];
    for (const lookup of lookups) {
      const record = this.find(lookup);
      if (record === undefined) continue;
      records.push(record);
      if (settles(record)) break;
    }
    return records;
  }

  /**
   * Whether one of these keys leads to another record.
   * @param keys the keys of a record
   * @param id that record's id
   * @returns true where a unique key is another's
   */
  isTaken(keys: RecordKeys, id: string): boolean {
    return UNIQUE_KEYS.some((kind) => {
      const key = keys[kind];
      const holder = key === null ? undefined : this.#byKey[kind].get(key);
      return holder !== undefined && holder.record.id !== id;
    });
  }

  /**
   * Keeps a record in the place of the one with its id, if there is one, unless a unique key is another's.
   * @param record what to keep
   * @param keys what leads to it
   * @returns whether it is kept
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
      const records = this.#byUser.get(keys.user) ?? new UserRecords();
      this.#byUser.set(keys.user, records);
      records.add(entry);
    }
    return true;
  }

  /**
   * Removes a record and all that led to it.
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

  /**
   * Takes the keys that lead to a record away, but for those that `next` has too: a Map that is large is built
   * anew after so many deletions.
   */
  #unlink(entry: Entry, next?: RecordKeys): void {
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

  /**
   * What `Backend.scan` asks for.
   * @param after the last record that was seen, or null to begin
   * @param limit how many at most, or null for all of them
   * @returns the records behind that place, by `createdAt` and then by id
   */
  scan(after: Place | null, limit: number | null): TokenRecord[] {
    return this.#order.page(after, limit).map(({ id }) => this.#byId.get(id)!.record);
  }
}
