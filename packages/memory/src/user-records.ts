import type { RecordKeys, TokenRecord } from "@tokenkeep/core";

/** A record and the keys that lead to it. */
export interface Entry {
  readonly record: TokenRecord;
  readonly keys: RecordKeys;
}

/** The records of one user, of which the one saved last is always at hand. */
export class UserRecords {
  readonly #byId = new Map<string, Entry>();
  #last: Entry | undefined;

  get isEmpty(): boolean {
    return this.#byId.size === 0;
  }

  add(entry: Entry): void {
    this.#byId.set(entry.record.id, entry);
    this.#last = entry;
  }

  delete(entry: Entry): void {
    this.#byId.delete(entry.record.id);
    if (this.#last === entry) this.#last = undefined;
  }

  last(): Entry | undefined {
    if (this.#last === undefined) {
      for (const entry of this.#byId.values()) {
        if (this.#last === undefined || entry.record.savedAt > this.#last.record.savedAt) this.#last = entry;
      }
    }
    return this.#last;
  }
}
