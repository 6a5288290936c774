import {
  keysOf,
  type Lookup,
  type Place,
  type RecordKeys,
  type TokenRecord,
  UNIQUE_KEYS,
} from "@tokenkeep/core";

interface Entry {
  readonly record: TokenRecord;
  readonly keys: RecordKeys;
}

/** The records of one namespace, by id and by key. */
export class Space {
  readonly #byId = new Map<string, Entry>();
  readonly #byKey = new Map<string, Entry>();
  readonly #byUser = new Map<string, Map<string, Entry>>();
  #sorted: TokenRecord[] | undefined;

  get size(): number {
    return this.#byId.size;
  }

  records(): TokenRecord[] {
    return [...this.#byId.values()].map((entry) => entry.record);
  }

  get(id: string): TokenRecord | undefined {
    return this.#byId.get(id)?.record;
  }

  /** Whether one of these keys is another record's than the one with this id. */
  isTaken(id: string, keys: RecordKeys): boolean {
    return UNIQUE_KEYS.some((kind) => {
      const holder = keys[kind] === null ? undefined : this.#byKey.get(`${kind} ${keys[kind]}`);
      return holder !== undefined && holder.record.id !== id;
    });
  }

  /** Keeps a record in the place of the one of its id, unless one of its keys is another record's. */
  put(record: TokenRecord): boolean {
    const stored = this.#byId.get(record.id);
    const keys = keysOf(record);
    if (this.isTaken(record.id, keys)) return false;
    if (stored !== undefined) this.#unlink(stored);
    const entry = { record, keys };
    this.#byId.set(record.id, entry);
    for (const kind of UNIQUE_KEYS) {
      if (keys[kind] !== null) this.#byKey.set(`${kind} ${keys[kind]}`, entry);
    }
    if (keys.user !== null) {
      const own = this.#byUser.get(keys.user) ?? new Map<string, Entry>();
      this.#byUser.set(keys.user, own.set(record.id, entry));
    }
    this.#sorted = undefined;
    return true;
  }

  remove(id: string): boolean {
    const stored = this.#byId.get(id);
    if (stored === undefined) return false;
    this.#unlink(stored);
    this.#byId.delete(id);
    this.#sorted = undefined;
    return true;
  }

  #unlink({ record, keys }: Entry): void {
    for (const kind of UNIQUE_KEYS) {
      if (keys[kind] !== null) this.#byKey.delete(`${kind} ${keys[kind]}`);
    }
    if (keys.user === null) return;
    const own = this.#byUser.get(keys.user);
    own?.delete(record.id);
    if (own?.size === 0) this.#byUser.delete(keys.user);
  }

  find({ kind, key }: Lookup): TokenRecord | undefined {
    if (kind === "id") return this.get(key);
    if (kind !== "user") return this.#byKey.get(`${kind} ${key}`)?.record;
    let last: TokenRecord | undefined;
    for (const { record } of this.#byUser.get(key)?.values() ?? []) {
      if (last === undefined || record.savedAt >= last.savedAt) last = record;
    }
    return last;
  }

  scan(after: Place | null, limit: number | null): TokenRecord[] {
    this.#sorted ??= this.records().sort(compare);
    const all = this.#sorted;
    let low = 0;
    if (after !== null) {
      for (let high = all.length; low < high; ) {
        const middle = (low + high) >>> 1;
        if (compare(all[middle]!, after) <= 0) low = middle + 1;
        else high = middle;
      }
    }
    return all.slice(low, limit === null ? undefined : low + limit);
  }
}

function compare(a: Place, b: Place): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
