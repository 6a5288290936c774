// A small store without locks, for the kit's own tests.
import { BaseTokenStore, UNIQUE_KEYS } from "@tokenkeep/core/backend";

/** A whole backend on a map instead of a database. Its methods are synchronous, so they are atomic. */
class MapBackend {
  name = "map";
  durable = false;
  shared = false;
  namespaces = true; // each instance has its own map
  #entries = new Map(); // id → { record, keys }

  open() {}
  close() {}

  read(lookups) {
    const isFound = ({ record, keys }) =>
      lookups.some(({ kind, key }) => (kind === "id" ? record.id === key : keys[kind] === key));
    return [...this.#entries.values()].filter(isFound).map(({ record }) => record);
  }

  insert(record, keys) {
    if (this.#entries.has(record.id) || this.#isTaken(keys, record.id)) return false;
    this.#entries.set(record.id, { record, keys });
    return true;
  }

  replace(record, keys, previous) {
    const stored = this.#entries.get(previous.id);
    if (stored?.record.etag !== previous.etag || this.#isTaken(keys, record.id)) return false;
    this.#entries.set(record.id, { record, keys });
    return true;
  }

  // In a database, unique indexes decide this.
  #isTaken(keys, own) {
    return [...this.#entries.values()].some(
      (other) =>
        other.record.id !== own &&
        UNIQUE_KEYS.some((kind) => keys[kind] !== null && keys[kind] === other.keys[kind]),
    );
  }

  remove(previous) {
    return this.#entries.get(previous.id)?.record.etag === previous.etag && this.#entries.delete(previous.id);
  }

  clear() {
    this.#entries.clear();
  }

  scan(after, limit) {
    const order = (one, other) => one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1);
    const records = [...this.#entries.values()].map(({ record }) => record).sort(order);
    const rest =
      after === null
        ? records
        : records.filter((record) => order(record, after) > 0 && record.id !== after.id);
    return limit === null ? rest : rest.slice(0, limit);
  }
}

export class MapTokenStore extends BaseTokenStore {
  constructor(options = {}) {
    super(new MapBackend(), options);
  }
}

export default {
  name: "map",
  open: (_space, options) => new MapTokenStore(options),
};
