import type { Backend, Lookup, MaybePromise, RecordKeys, TokenRecord } from "../src/for-backends.js";
import { keysOf, UNIQUE_KEYS } from "../src/for-backends.js";

/** The smallest backend. A test overrides the part that is to fail. */
export class FakeBackend implements Backend {
  readonly name = "fake";
  readonly durable = false;
  readonly shared = false;
  readonly namespaces = false;
  records: TokenRecord[] = [];
  closed = 0;

  open(): MaybePromise<void> {}

  close(): MaybePromise<void> {
    this.closed++;
  }

  read(lookups: readonly Lookup[]): MaybePromise<TokenRecord[]> {
    return this.records.filter((record) =>
      lookups.some(({ kind, key }) => (kind === "id" ? record.id === key : keysOf(record)[kind] === key)),
    );
  }

  insert(record: TokenRecord, keys: RecordKeys): MaybePromise<boolean> {
    if (this.records.some((other) => other.id === record.id) || this.#isTaken(keys, record.id)) return false;
    this.records.push(record);
    return true;
  }

  replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): MaybePromise<boolean> {
    const at = this.records.findIndex(({ etag }) => etag === previous.etag);
    if (at < 0 || this.#isTaken(keys, record.id)) return false;
    this.records[at] = record;
    return true;
  }

  #isTaken(keys: RecordKeys, id: string): boolean {
    return this.records.some(
      (other) =>
        other.id !== id &&
        UNIQUE_KEYS.some((kind) => keys[kind] !== null && keys[kind] === keysOf(other)[kind]),
    );
  }

  remove(previous: TokenRecord): MaybePromise<boolean> {
    const before = this.records.length;
    this.records = this.records.filter(({ etag }) => etag !== previous.etag);
    return this.records.length < before;
  }

  clear(): MaybePromise<void> {
    this.records = [];
  }

  scan(): MaybePromise<TokenRecord[]> {
    return [...this.records];
  }
}
