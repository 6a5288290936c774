import { BaseTokenStore, keysOf, UNIQUE_KEYS } from "@tokenkeep/core/backend";

/** Records in a plain array: slow, but complete. */
class ListBackend {
  name = "list";
  durable = false;
  shared = false;
  namespaces = true; // each store has its own list
  #records = [];

  open() {}

  close() {}

  read(lookups) {
    return lookups.flatMap(({ kind, key }) => {
      const found = this.#records.filter((record) => keyOf(record, kind) === key);
      // Only `user` can find several; the one saved last is enough.
      return found.sort((a, b) => b.savedAt - a.savedAt).slice(0, 1);
    });
  }

  insert(record, keys) {
    if (this.#isTaken(record.id, keys, undefined)) return false;
    this.#records.push(record);
    return true;
  }

  replace(record, keys, previous) {
    const at = this.#indexOf(previous);
    if (at < 0 || this.#isTaken(undefined, keys, previous.id)) return false;
    this.#records[at] = record;
    return true;
  }

  remove(previous) {
    const at = this.#indexOf(previous);
    if (at >= 0) this.#records.splice(at, 1);
    return at >= 0;
  }

  clear() {
    this.#records = [];
  }

  scan(after, limit) {
    const inOrder = this.#records.toSorted(compare);
    const start = after === null ? 0 : inOrder.findIndex((record) => compare(record, after) > 0);
    return start < 0 ? [] : inOrder.slice(start, limit === null ? undefined : start + limit);
  }

  /** The record, unless it has changed since it was read. */
  #indexOf({ id, etag }) {
    return this.#records.findIndex((record) => record.id === id && record.etag === etag);
  }

  #isTaken(id, keys, own) {
    return this.#records.some(
      (record) =>
        record.id !== own &&
        (record.id === id ||
          UNIQUE_KEYS.some((kind) => keys[kind] !== null && keyOf(record, kind) === keys[kind])),
    );
  }
}

const keyOf = (record, kind) => (kind === "id" ? record.id : keysOf(record)[kind]);
const compare = (a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id));

export class ListTokenStore extends BaseTokenStore {
  constructor(options) {
    super(new ListBackend(), options);
  }
}
