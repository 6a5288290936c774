// The correct store that every mutant changes: the smallest backend that is shared, durable and has locks. It is slow,
// but right: the test of the mutants proves that it passes the cases that they fail.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { TokenStoreError } from "@tokenkeep/core";
import {
  BaseTokenStore,
  decodeRecord,
  encodeRecord,
  FREE_LEASE,
  grantLease,
  releaseLease,
  renewLease,
  UNIQUE_KEYS,
} from "@tokenkeep/core/backend";
import Database from "better-sqlite3";
import { Connection, Disruptions } from "./disruptions.mjs";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS records (namespace TEXT, id TEXT, record TEXT, PRIMARY KEY (namespace, id));
  CREATE TABLE IF NOT EXISTS keys (
    namespace TEXT, kind TEXT, key TEXT, id TEXT, PRIMARY KEY (namespace, kind, key)
  );
  CREATE TABLE IF NOT EXISTS leases (namespace TEXT, key TEXT, state TEXT, PRIMARY KEY (namespace, key));`;

const BUSY_TIMEOUT_MS = 10_000;

const openDatabase = (path) => new Database(path, { timeout: BUSY_TIMEOUT_MS });

/** SQLite does not wait by itself if several processes open a new file at the same moment. */
function retryWhileBusy(work) {
  for (const end = Date.now() + BUSY_TIMEOUT_MS; ; ) {
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

  /**
   * @param create whether to create the file if it is missing
   * @param client a caller's open database
   */
  constructor(space, namespace = "", create = true, client = undefined) {
    this.client = client;
    this.create = create;
    this.path = join(space.directory, "plain.db");
    // For SQLite's own functions, NUL would end the text.
    this.namespace = JSON.stringify(namespace);
    this.leases = new PlainLeases(this);
  }

  open() {
    this.db ??= this.client ?? this.openFile();
    retryWhileBusy(() => this.db.pragma("journal_mode = WAL"));
    // Enough for a killed process, and faster.
    this.db.pragma("synchronous = OFF");
    this.atomically(() => this.db.exec(SCHEMA));
  }

  openFile() {
    if (!this.create && !existsSync(this.path)) {
      throw new TokenStoreError(
        "ERR_SCHEMA",
        "plain: there is no store here. Open it without `open: existing`.",
      );
    }
    return openDatabase(this.path);
  }

  close() {
    if (this.client === undefined) this.db?.close();
  }

  /** Runs `work` in a transaction. */
  atomically(work) {
    return retryWhileBusy(() => this.db.transaction(work).immediate());
  }

  all(sql, ...values) {
    return this.db.prepare(sql).all(this.namespace, ...values);
  }

  run(sql, ...values) {
    return this.db.prepare(sql).run(this.namespace, ...values).changes;
  }

  records() {
    const rows = this.all("SELECT record FROM records WHERE namespace = ?");
    return rows.map(({ record }) => decodeRecord(record, this.path));
  }

  recordOf(id) {
    const [row] = this.all("SELECT record FROM records WHERE namespace = ? AND id = ?", id);
    return row === undefined ? undefined : decodeRecord(row.record, this.path);
  }

  read(lookups) {
    return this.atomically(() =>
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
    return this.atomically(() => {
      if (this.recordOf(record.id) !== undefined || this.isTaken(record, keys)) return false;
      this.put(record, keys);
      return true;
    });
  }

  replace(record, keys, previous) {
    return this.atomically(() => {
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
    this.run("INSERT INTO records VALUES (?, ?, ?)", record.id, encodeRecord(record));
    for (const [kind, key] of Object.entries(keys)) {
      if (key === null) continue;
      // A user may have several records: the id makes the key unique.
      const unique = UNIQUE_KEYS.includes(kind) ? key : `${key} ${record.id}`;
      this.run("INSERT INTO keys VALUES (?, ?, ?, ?)", kind, unique, record.id);
    }
  }

  drop(id) {
    this.run("DELETE FROM records WHERE namespace = ? AND id = ?", id);
    this.run("DELETE FROM keys WHERE namespace = ? AND id = ?", id);
  }

  remove(previous) {
    return this.atomically(() => {
      if (this.recordOf(previous.id)?.etag !== previous.etag) return false;
      this.drop(previous.id);
      return true;
    });
  }

  clear() {
    this.atomically(() => {
      this.run("DELETE FROM records WHERE namespace = ?");
      this.run("DELETE FROM keys WHERE namespace = ?");
    });
  }

  compact() {
    this.db.exec("VACUUM");
    this.db.pragma("wal_checkpoint(TRUNCATE)");
  }

  scan(after, limit) {
    const compare = (a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : Number(a.id > b.id));
    const sorted = this.records().sort(compare);
    const rest = after === null ? sorted : sorted.filter((record) => compare(record, after) > 0);
    return limit === null ? rest : rest.slice(0, limit);
  }
}

/** A row with the state of each key's lease, on the clock of the machine. */
class PlainLeases {
  constructor(backend) {
    this.backend = backend;
  }

  state(key) {
    const [row] = this.backend.all("SELECT state FROM leases WHERE namespace = ? AND key = ?", key);
    return row === undefined ? FREE_LEASE : JSON.parse(row.state);
  }

  put(key, state) {
    this.backend.run("INSERT OR REPLACE INTO leases VALUES (?, ?, ?)", key, JSON.stringify(state));
  }

  acquire(key, owner, leaseMs, reserveMs) {
    return this.backend.atomically(() => {
      const { granted, state } = grantLease(this.state(key), { owner, leaseMs, reserveMs, now: Date.now() });
      this.put(key, state);
      return granted ? state.fence : null;
    });
  }

  renew(key, owner, leaseMs) {
    return this.backend.atomically(() => {
      const state = renewLease(this.state(key), owner, leaseMs, Date.now());
      if (state !== null) this.put(key, state);
      return state !== null;
    });
  }

  release(key, owner) {
    return this.backend.atomically(() => {
      const { wasHeld, state } = releaseLease(this.state(key), owner, Date.now());
      this.put(key, state);
      return wasHeld;
    });
  }
}

/** Opens the correct store; `change` may plant a bug in its backend first. */
export function openPlain(
  space,
  { namespace, open, ...options } = {},
  change = () => {},
  client = undefined,
  Store = BaseTokenStore,
) {
  const backend = new PlainBackend(space, namespace, open !== "existing", client);
  change(backend);
  return new Store(backend, { namespace, ...options });
}

/** The kit's module of a store that `open` opens. */
export function moduleOf(name, open) {
  const disruptions = new Disruptions();
  const connected = (space, options, client) =>
    open(space, options, (backend) => new Connection(disruptions).connect(backend), client);
  return {
    name,
    open: (space, options) => connected(space, options),
    dump: ({ directory }) => {
      const files = readdirSync(directory).filter((file) => file.startsWith("plain.db"));
      return Buffer.concat(files.map((file) => readFileSync(join(directory, file))));
    },
    client: {
      open: (space) => openDatabase(join(space.directory, "plain.db")),
      store: (client, space, options) => connected(space, options, client),
      isOpen: (client) => client.open,
      close: (client) => client.close(),
    },
    disruptions,
  };
}

/** A new module of the correct store. */
export function plainModule() {
  return moduleOf("plain", (space, options, connect, client) => openPlain(space, options, connect, client));
}

export default plainModule();
