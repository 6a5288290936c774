// Bugs that show only while several callers work and processes die: the cases don't find them.
import { setTimeout as sleep } from "node:timers/promises";
import { deflateSync, inflateSync } from "node:zlib";
import { FREE_LEASE, keysOf } from "@tokenkeep/core/backend";
import { ROUND_TRIP_MS, wrap } from "./change.mjs";

const CACHED_MS = 50;
const LAG_MS = 30;
const FLUSH_MS = 100;
const TWO_MASTERS_MS = 5000;
/** So many finds of a store are right: the cases make fewer. */
const WARM_AFTER = 30;

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Counts the calls of these methods that are under way. */
function countRunning(backend, methods) {
  const running = { count: 0 };
  for (const method of methods) {
    wrap(backend, method, (original) => async (...args) => {
      running.count++;
      try {
        await sleep(ROUND_TRIP_MS);
        return await original(...args);
      } finally {
        running.count--;
      }
    });
  }
  return running;
}

/**
 * What a process has not flushed yet, which is lost if it is killed: the next process that opens the store undoes it.
 * A record as it was is compressed, so that the cases which look for plaintext don't find it here.
 * @returns a function that marks a change, with the record as it was before, or null
 */
function unflushed(backend) {
  let isOpen = false;
  wrap(backend, "open", (open) => async (deadline) => {
    await open(deadline);
    isOpen = true;
    backend.atomically(() => {
      backend.db.exec("CREATE TABLE IF NOT EXISTS unflushed (namespace TEXT, id TEXT, record BLOB, pid INT)");
      for (const { id, record, pid } of backend.all("SELECT * FROM unflushed WHERE namespace = ?")) {
        if (isAlive(pid)) continue;
        backend.run("DELETE FROM unflushed WHERE namespace = ? AND pid = ?", pid);
        backend.drop(id);
        const before = JSON.parse(inflateSync(record).toString());
        if (before !== null && !backend.isTaken(before, keysOf(before))) backend.put(before, keysOf(before));
      }
    });
  });
  wrap(backend, "close", (close) => async () => {
    if (isOpen && backend.db.open) backend.db.prepare("DELETE FROM unflushed WHERE pid = ?").run(process.pid);
    await close();
  });
  return (id, before) => {
    const record = deflateSync(JSON.stringify(before ?? null));
    const { lastInsertRowid } = backend.db
      .prepare("INSERT INTO unflushed VALUES (?, ?, ?, ?)")
      .run(backend.namespace, id, record, process.pid);
    setTimeout(() => {
      if (backend.db.open) backend.db.prepare("DELETE FROM unflushed WHERE rowid = ?").run(lastInsertRowid);
    }, FLUSH_MS).unref();
  };
}

/** @type {readonly { name: string, backend?: (backend: any) => void, store?: (store: any) => void }[]} */
export const historyMutants = [
  {
    name: "serves finds from a cache of 50 ms that only its own process empties, once it is warm",
    store(store) {
      const cached = new Map();
      let finds = 0;
      wrap(store, "findToken", (find) => async (query) => {
        if (++finds <= WARM_AFTER) return find(query);
        const key = JSON.stringify(query);
        const known = cached.get(key);
        if (known !== undefined && performance.now() - known.at < CACHED_MS) return known.token;
        const token = await find(query);
        cached.set(key, { token, at: performance.now() });
        return token;
      });
      const forget = (id) => {
        for (const [key, { token }] of cached) if (token === null || token.id === id) cached.delete(key);
      };
      wrap(store, "saveToken", (save) => async (...args) => {
        const saved = await save(...args);
        forget(saved.id);
        return saved;
      });
      wrap(store, "deleteToken", (remove) => async (id, ...rest) => {
        await remove(id, ...rest);
        forget(id);
      });
      wrap(store, "deleteTokens", (clear) => async (...args) => {
        await clear(...args);
        cached.clear();
      });
    },
  },
  {
    name: "acknowledges a save with the flush of the one before",
    backend(backend) {
      const mark = unflushed(backend);
      for (const method of ["insert", "replace"]) {
        wrap(backend, method, (write) => async (record, ...args) => {
          const isFollower = running.count > 1;
          const before = backend.recordOf(record.id);
          const isWritten = await write(record, ...args);
          if (isWritten && isFollower) mark(record.id, before);
          return isWritten;
        });
      }
      const running = countRunning(backend, ["insert", "replace"]);
    },
  },
  {
    name: "reads from a replica that lags behind what other processes wrote, while the main server is busy",
    backend(backend) {
      let replica = { at: Number.NEGATIVE_INFINITY, records: [] };
      wrap(backend, "read", (read) => async (lookups, ...args) => {
        const isBusy = running.count > 1;
        const isOfFind = !backend.isSaving;
        if (performance.now() - replica.at > LAG_MS) {
          replica = { at: performance.now(), records: backend.records() };
        }
        if (!isBusy || !isOfFind) return read(lookups, ...args);
        return lookups.flatMap(({ kind, key }) =>
          replica.records.filter((record) => (kind === "id" ? record.id : keysOf(record)[kind]) === key),
        );
      });
      for (const method of ["insert", "replace", "remove", "clear"]) {
        wrap(backend, method, (write) => async (...args) => {
          const result = await write(...args);
          replica.at = Number.NEGATIVE_INFINITY;
          return result;
        });
      }
      const running = countRunning(backend, ["read"]);
    },
  },
  {
    name: "sends all that was under way again after a broken connection",
    backend(backend) {
      wrap(backend, "replace", (replace) => async (record, keys, ...args) => {
        const wasAlone = running.count <= 1;
        try {
          return await replace(record, keys, ...args);
        } catch (error) {
          if (wasAlone || backend.recordOf(record.id)?.etag !== record.etag) throw error;
          const again = { ...record, revision: record.revision + 1, etag: crypto.randomUUID() };
          backend.atomically(() => {
            backend.drop(record.id);
            backend.put(again, keys);
          });
          return true;
        }
      });
      const running = countRunning(backend, ["read", "replace"]);
    },
  },
  {
    name: "forgets at a restart what was deleted last",
    backend(backend) {
      const mark = unflushed(backend);
      wrap(backend, "remove", (remove) => async (previous, ...args) => {
        const before = backend.recordOf(previous.id);
        const isRemoved = await remove(previous, ...args);
        if (isRemoved) mark(previous.id, before);
        return isRemoved;
      });
    },
  },
  {
    name: "has two masters for five seconds after a failover, which the death of a process stands for: both grant a lock",
    backend(backend) {
      wrap(backend, "open", (open) => async (deadline) => {
        await open(deadline);
        backend.atomically(() => {
          backend.db.exec(`CREATE TABLE IF NOT EXISTS opened (namespace TEXT, pid INT);
            CREATE TABLE IF NOT EXISTS failovers (namespace TEXT, at INT)`);
          const pids = backend.all("SELECT pid FROM opened WHERE namespace = ?").map(({ pid }) => pid);
          backend.run("DELETE FROM opened WHERE namespace = ?");
          for (const pid of new Set([...pids.filter(isAlive), process.pid])) {
            backend.run("INSERT INTO opened VALUES (?, ?)", pid);
          }
          if (!pids.every(isAlive)) backend.run("INSERT INTO failovers VALUES (?, ?)", Date.now());
        });
      });
      wrap(backend.leases, "acquire", (acquire) => (key, ...rest) => {
        const since = Date.now() - TWO_MASTERS_MS;
        const isDivided =
          backend.all("SELECT 1 FROM failovers WHERE namespace = ? AND at > ?", since).length > 0;
        if (isDivided) backend.leases.put(key, { ...FREE_LEASE, fence: backend.leases.state(key).fence });
        return acquire(key, ...rest);
      });
    },
  },
];
