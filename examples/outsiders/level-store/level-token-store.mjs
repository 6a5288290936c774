import { TokenStoreError } from "@tokenkeep/core";
import {
  BaseTokenStore,
  checkStoreOptions,
  codeOf,
  decodeRecord,
  encodeRecord,
  keysOf,
  translateError,
  UNIQUE_KEYS,
} from "@tokenkeep/core/backend";
import { Database } from "./database.mjs";
import { LevelLeases } from "./leases.mjs";

const RULES = [
  {
    codes: /^LEVEL_LOCKED/,
    code: "ERR_UNAVAILABLE",
    message: "another process has the database open. level is for one process.",
  },
  { codes: /^LEVEL_CORRUPTION/, code: "ERR_CORRUPT", message: "the database is damaged. Restore a backup." },
];

// A write is on the disk before it resolves.
const DURABLE = { sync: true };

/**
 * Records in a level database. The keys are `namespace:kind:…`, where a namespace or an id is JSON, so that it may have
 * any character in it:
 *
 * - `id:` the record
 * - `userClient:`, `grantToken:`, … the id of the one record that has this key
 * - `user:key:id` and `order:time:id` an id, of several
 */
class LevelBackend {
  name = "level";
  durable = true;
  shared = false;
  namespaces = true;
  leases = new LevelLeases((key, change) => this.#changeLease(key, change));
  #options;
  #namespace;
  #database;

  constructor(options) {
    this.#options = options;
    this.#namespace = JSON.stringify(options.namespace);
  }

  async open() {
    this.#database = await Database.open(this.#options.path, this.#options.open);
  }

  async close() {
    await this.#database?.close();
  }

  read(lookups, deadline) {
    return this.#alone(deadline, async () => {
      const found = [];
      for (const { kind, key } of lookups) {
        for (const id of await this.#idsOf(kind, key)) {
          const record = await this.#recordOf(id);
          if (record !== undefined) found.push(record);
        }
      }
      return found;
    });
  }

  insert(record, keys, deadline) {
    return this.#alone(deadline, async () => {
      if ((await this.#recordOf(record.id)) !== undefined || (await this.#isTaken(keys, record.id)))
        return false;
      await this.#level.batch(this.#puts(record, keys), DURABLE);
      return true;
    });
  }

  replace(record, keys, previous, deadline) {
    return this.#alone(deadline, async () => {
      if (!(await this.#isCurrent(previous)) || (await this.#isTaken(keys, record.id))) return false;
      await this.#level.batch([...this.#dels(previous), ...this.#puts(record, keys)], DURABLE);
      return true;
    });
  }

  remove(previous, deadline) {
    return this.#alone(deadline, async () => {
      if (!(await this.#isCurrent(previous))) return false;
      await this.#level.batch(this.#dels(previous), DURABLE);
      return true;
    });
  }

  clear(deadline) {
    return this.#alone(deadline, async () => {
      const keys = await this.#level.keys(this.#range("")).all();
      const isRecords = (key) => !key.startsWith(this.#key("lease", ""));
      await this.#level.batch(
        keys.filter(isRecords).map((key) => ({ type: "del", key })),
        DURABLE,
      );
    });
  }

  scan(after, limit, deadline) {
    return this.#alone(deadline, async () => {
      const range = this.#range("order:");
      if (after !== null) range.gt = this.#orderKey(after);
      const ids = await this.#level.values({ ...range, limit: limit ?? -1 }).all();
      return Promise.all(ids.map((id) => this.#recordOf(id)));
    });
  }

  toStoreError(error) {
    // An error of opening has the reason as its cause.
    return translateError("level", RULES, codeOf(error.cause) || codeOf(error));
  }

  get #level() {
    return this.#database.level;
  }

  #alone(deadline, work) {
    return this.#database.alone(() => {
      deadline.check();
      return work();
    });
  }

  async #idsOf(kind, key) {
    if (kind === "id") return [key];
    if (kind === "user") return this.#level.values(this.#range(`user:${key}:`)).all();
    const id = await this.#level.get(this.#key(kind, key));
    return id === undefined ? [] : [id];
  }

  async #recordOf(id) {
    const text = await this.#level.get(this.#key("id", JSON.stringify(id)));
    return text === undefined ? undefined : decodeRecord(text, `level: the record ${JSON.stringify(id)}`);
  }

  async #isCurrent({ id, etag }) {
    return (await this.#recordOf(id))?.etag === etag;
  }

  /** Whether another record has one of these keys. */
  async #isTaken(keys, own) {
    const kinds = UNIQUE_KEYS.filter((kind) => keys[kind] !== null);
    const ids = await this.#level.getMany(kinds.map((kind) => this.#key(kind, keys[kind])));
    return ids.some((id) => id !== undefined && id !== own);
  }

  #puts(record, keys) {
    const [first, ...others] = this.#keysOf(record, keys);
    const entries = [[first, encodeRecord(record)], ...others.map((key) => [key, record.id])];
    return entries.map(([key, value]) => ({ type: "put", key, value }));
  }

  #dels(record) {
    return this.#keysOf(record, keysOf(record)).map((key) => ({ type: "del", key }));
  }

  /** All entries of a record, that of the record first. */
  #keysOf(record, keys) {
    const id = JSON.stringify(record.id);
    const unique = UNIQUE_KEYS.filter((kind) => keys[kind] !== null).map((kind) =>
      this.#key(kind, keys[kind]),
    );
    const user = keys.user === null ? [] : [this.#key("user", `${keys.user}:${id}`)];
    return [this.#key("id", id), this.#orderKey(record), ...unique, ...user];
  }

  #orderKey({ createdAt, id }) {
    return this.#key("order", `${String(createdAt).padStart(16, "0")}:${JSON.stringify(id)}`);
  }

  #key(kind, key) {
    return `${this.#namespace}:${kind}:${key}`;
  }

  /** All keys that begin like this. */
  #range(start) {
    const prefix = `${this.#namespace}:${start}`;
    return { gt: prefix, lt: `${prefix}\uffff` };
  }

  #changeLease(key, change) {
    return this.#database.alone(async () => {
      const name = this.#key("lease", key);
      const [result, text] = change(await this.#level.get(name));
      if (text !== undefined) await this.#level.put(name, text, DURABLE);
      return result;
    });
  }
}

/** A token store in a level database, for one process. */
export class LevelTokenStore extends BaseTokenStore {
  constructor(options) {
    const { path, open = "create" } = options ?? {};
    const checked = checkStoreOptions(options, ["path", "open", "encryption"]);
    if (typeof path !== "string" || path === "") {
      throw new TokenStoreError("ERR_INVALID_OPTIONS", "path must be the path of a directory.");
    }
    super(new LevelBackend({ path, open, namespace: checked.namespace }), checked);
  }
}
