import { BaseTokenStore, keysOf, UNIQUE_KEYS } from "@tokenkeep/core";

/** Records in a plain array: slow, and whole. */
class ListBackend {
  name = "list";
  durable = false;
  shared = false;
  namespaces = true; // each store has a list of its own
  #records = [];

  open() {}

  close() {}

  read(lookups) {
    return lookups.flatMap(({ kind, key }) => {
      const found = this.#records.filter((record) => keyOf(record, kind) === key);
      // `user` is the one kind that may lead to several; the one saved last is enough
      return found.sort((a, b) => b.savedAt - a.savedAt).slice(0, 1);
    });
  }

  insert(record, keys) {
    if (this.#isTaken(record.id, keys, undefined)) return false;
    this.#records.push(record);
    return true;
  }

  replace(record, keys, previous) {
    const at = this.#records.findIndex(({ id, etag }) => id === previous.id && etag === previous.etag);
    if (at < 0 || this.#isTaken(undefined, keys, previous.id)) return false;
    this.#records[at] = record;
    return true;
  }

  remove(id) {
    this.#records = this.#records.filter((record) => record.id !== id);
  }

  clear() {
    this.#records = [];
  }

  scan(after, limit) {
    const inOrder = this.#records.toSorted(compare);
    const start = after === null ? 0 : inOrder.findIndex((record) => compare(record, after) > 0);
    return start < 0 ? [] : inOrder.slice(start, limit === null ? undefined : start + limit);
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
