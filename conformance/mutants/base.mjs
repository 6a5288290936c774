// The sound store that every fault is a change of: the smallest backend that is shared, durable and locks.
// Slow and without any care for size, but right; the test of the faults proves that it passes what they fail.
import { join } from "node:path";
import { BaseTokenStore, UNIQUE_KEYS } from "@tokenkeep/core";
import Database from "better-sqlite3";
import { Disruptions } from "./disruptions.mjs";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS records (namespace TEXT, id TEXT, json TEXT, PRIMARY KEY (namespace, id));
  CREATE TABLE IF NOT EXISTS keys (
    namespace TEXT, kind TEXT, key TEXT, id TEXT, PRIMARY KEY (namespace, kind, key)
  );
  CREATE TABLE IF NOT EXISTS leases (
    namespace TEXT, key TEXT, owner TEXT, ends INTEGER, next TEXT, nextEnds INTEGER, fence INTEGER,
    PRIMARY KEY (namespace, key)
  );`;

const PATIENCE_MS = 10_000;

const openDatabase = (path) => new Database(path, { timeout: PATIENCE_MS });

/** Where several open a new file at once, SQLite does not wait for the one that changes its journal. */
function patiently(work) {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    try {
      return work();
    } catch (error) {
      if (!error.code?.startsWith("SQLITE_BUSY") || Date.now() > end) throw error;
    }
  }
}

/** A `Backend` over one SQLite file. */
export class PlainBackend {
  name = "plain";
  durable = true;
  shared = true;
  namespaces = true;
  secrets = [];

  /** @param client an open database of the caller's own */
  constructor(space, namespace = "", client = undefined) {
    this.client = client;
    this.path = join(space.directory, "plain.db");
    // NUL would end the text for SQLite's own functions
    this.namespace = JSON.stringify(namespace);
    this.leases = new PlainLeases(this);
  }

  open() {
    this.db = this.client ?? openDatabase(this.path);
    patiently(() => this.db.pragma("journal_mode = WAL"));
    // enough where a process is killed, and a kit that runs so many faults has no time for a disk
    this.db.pragma("synchronous = OFF");
    this.atOnce(() => this.db.exec(SCHEMA));
  }

  close() {
    if (this.client === undefined) this.db?.close();
  }

  /** One step that nothing comes between. */
  atOnce(work) {
    return patiently(() => this.db.transaction(work).immediate());
  }

  all(sql, ...values) {
    return this.db.prepare(sql).all(this.namespace, ...values);
  }

  run(sql, ...values) {
    return this.db.prepare(sql).run(this.namespace, ...values).changes;
  }

  records() {
    return this.all("SELECT json FROM records WHERE namespace = ?").map(({ json }) => JSON.parse(json));
  }

  recordOf(id) {
    const [row] = this.all("SELECT json FROM records WHERE namespace = ? AND id = ?", id);
    return row === undefined ? undefined : JSON.parse(row.json);
  }

  read(lookups) {
    return this.atOnce(() =>
      lookups.flatMap(({ kind, key }) => {
        if (kind === "id") return this.recordOf(key) ?? [];
        const ids = this.all(
          "SELECT id FROM keys WHERE namespace = ? AND kind = ? AND substr(key, 1, 43) = ?",
          kind,
          key,
        );
        return ids.flatMap(({ id }) => this.recordOf(id) ?? []);
      }),
    );
  }

  insert(record, keys) {
    return this.atOnce(() => {
      if (this.recordOf(record.id) !== undefined || this.isTaken(record, keys)) return false;
      this.put(record, keys);
      return true;
    });
  }

  replace(record, keys, previous) {
    return this.atOnce(() => {
      if (this.recordOf(previous.id)?.etag !== previous.etag || this.isTaken(record, keys)) return false;
      this.drop(previous.id);
      this.put(record, keys);
      return true;
    });
  }

  isTaken(record, keys) {
    return UNIQUE_KEYS.some((kind) => {
      const [row] = this.all(
        "SELECT id FROM keys WHERE namespace = ? AND kind = ? AND key = ?",
        kind,
        keys[kind],
      );
      return row !== undefined && row.id !== record.id;
    });
  }

  put(record, keys) {
    this.run("INSERT INTO records VALUES (?, ?, ?)", record.id, JSON.stringify(record));
    for (const [kind, key] of Object.entries(keys)) {
      if (key === null) continue;
      // a user has many records: what tells them apart stands behind the key
      const unique = UNIQUE_KEYS.includes(kind) ? key : `${key} ${record.id}`;
      this.run("INSERT INTO keys VALUES (?, ?, ?, ?)", kind, unique, record.id);
    }
  }

  drop(id) {
    this.run("DELETE FROM records WHERE namespace = ? AND id = ?", id);
    this.run("DELETE FROM keys WHERE namespace = ? AND id = ?", id);
  }

  remove(id) {
    this.atOnce(() => this.drop(id));
  }

  clear() {
    this.atOnce(() => {
      this.run("DELETE FROM records WHERE namespace = ?");
      this.run("DELETE FROM keys WHERE namespace = ?");
    });
  }

  scan(after, limit) {
    const place = ({ createdAt, id }) => [createdAt, id];
    const isBehind = (a, b) => a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
    const sorted = this.records().sort((a, b) => (isBehind(place(a), place(b)) ? 1 : -1));
    const rest = after === null ? sorted : sorted.filter((record) => isBehind(place(record), place(after)));
    return limit === null ? rest : rest.slice(0, limit);
  }
}

/** Leases in a row for each key, on the clock of the machine. */
class PlainLeases {
  constructor(backend) {
    this.backend = backend;
  }

  row(key) {
    return this.backend.all("SELECT * FROM leases WHERE namespace = ? AND key = ?", key)[0];
  }

  acquire(key, owner, leaseMs, placeMs) {
    return this.backend.atOnce(() => {
      const now = Date.now();
      const row = this.row(key) ?? { owner: null, ends: 0, next: null, nextEnds: 0, fence: 0 };
      const isFree = row.owner === owner || row.ends <= now;
      const isNext = row.next === null || row.next === owner || row.nextEnds <= now;
      if (!isFree || !isNext) {
        if (isNext) this.put(key, { ...row, next: owner, nextEnds: now + placeMs });
        return null;
      }
      const fence = row.fence + 1;
      this.put(key, { owner, ends: now + leaseMs, next: null, nextEnds: 0, fence });
      return fence;
    });
  }

  put(key, { owner, ends, next, nextEnds, fence }) {
    this.backend.run(
      "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[key, owner, ends, next, nextEnds, fence],
    );
  }

  renew(key, owner, leaseMs) {
    return this.backend.atOnce(() => {
      const row = this.row(key);
      if (row?.owner !== owner || row.ends <= Date.now()) return false;
      this.put(key, { ...row, ends: Date.now() + leaseMs });
      return true;
    });
  }

  release(key, owner) {
    return this.backend.atOnce(() => {
      const row = this.row(key);
      if (row === undefined) return false;
      if (row.next === owner) this.put(key, { ...row, next: null, nextEnds: 0 });
      if (row.owner !== owner || row.ends <= Date.now()) return false;
      this.put(key, { ...this.row(key), owner: null, ends: 0 });
      return true;
    });
  }
}

/** Opens the sound store; `change` may spoil its backend first. */
export function openPlain(space, { namespace, ...options } = {}, change = () => {}, client = undefined) {
  const backend = new PlainBackend(space, namespace, client);
  change(backend);
  return new BaseTokenStore(backend, { namespace, ...options });
}

/** The kit's module of a store: `open` as above, and means to disturb it, which are this module's alone. */
export function moduleOf(name, open) {
  const disruptions = new Disruptions();
  const disturbed = (space, options, client) =>
    open(space, options, (backend) => disruptions.reach(backend), client);
  return {
    name,
    open: (space, options) => disturbed(space, options),
    client: {
      open: (space) => openDatabase(join(space.directory, "plain.db")),
      store: (client, space, options) => disturbed(space, options, client),
      isOpen: (client) => client.open,
      close: (client) => client.close(),
    },
    disruptions: disruptions.means,
  };
}

/** A new module of the sound store. */
export function plainModule() {
  return moduleOf("plain", (space, options, reach, client) => openPlain(space, options, reach, client));
}

export default plainModule();
