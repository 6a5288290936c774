import type { RecordKeys } from "../lookups.js";
import type { TokenRecord } from "../record.js";

/** A record and the keys that lead to it. */
export interface Entry {
  readonly record: TokenRecord;
  readonly keys: RecordKeys;
}

/** The records of one user, of which the one saved last is mostly at hand. */
export class UserRecords {
  readonly #byId = new Map<string, Entry>();
  /** Undefined where it has to be looked for. */
  #last: Entry | undefined;

  get isEmpty(): boolean {
    return this.#byId.size === 0;
  }

  /** Adds a record, or its next version. */
  add(entry: Entry): void {
    this.#byId.set(entry.record.id, entry);
    const last = this.#byId.size === 1 ? entry : this.#last;
    if (last === undefined) return;
    if (entry.record.savedAt >= last.record.savedAt) this.#last = entry;
    else if (entry.record.id === last.record.id) this.#last = undefined; // by a clock that went back
  }

  delete(entry: Entry): void {
    this.#byId.delete(entry.record.id);
    if (this.#last?.record.id === entry.record.id) this.#last = undefined;
  }

  last(): Entry | undefined {
    if (this.#last === undefined) {
      for (const entry of this.#byId.values()) {
        if (this.#last === undefined || entry.record.savedAt >= this.#last.record.savedAt) this.#last = entry;
      }
    }
    return this.#last;
  }
}
