// Bugs that show while several callers work and processes die. Cases find three of them as well, the cache (5.5), the locks
// (6.2) and the replica (3.5): nobody has made those subtle enough yet.
import { setTimeout as sleep } from "node:timers/promises";
import { keysOf } from "@tokenkeep/core/backend";
import { ROUND_TRIP_MS, wrap } from "./change.mjs";

const CACHED_MS = 50;
const LAG_MS = 30;
const FLUSH_MS = 1000;

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
 * @returns a function that marks a change, with the record as it was before, or null
 */
function unflushed(backend) {
  const alive = (pid) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  wrap(backend, "open", (open) => async (deadline) => {
    await open(deadline);
    backend.atomically(() => {
      backend.db.exec("CREATE TABLE IF NOT EXISTS unflushed (namespace TEXT, id TEXT, record TEXT, pid INT)");
      for (const { id, record, pid } of backend.all("SELECT * FROM unflushed WHERE namespace = ?")) {
        if (alive(pid)) continue;
        backend.run("DELETE FROM unflushed WHERE namespace = ? AND pid = ?", pid);
        backend.drop(id);
        const before = JSON.parse(record);
        if (before !== null && !backend.isTaken(before, keysOf(before))) backend.put(before, keysOf(before));
      }
    });
  });
  return (id, before) => {
    const { lastInsertRowid } = backend.db
      .prepare("INSERT INTO unflushed VALUES (?, ?, ?, ?)")
      .run(backend.namespace, id, JSON.stringify(before ?? null), process.pid);
    setTimeout(() => {
      if (backend.db.open) backend.db.prepare("DELETE FROM unflushed WHERE rowid = ?").run(lastInsertRowid);
    }, FLUSH_MS).unref();
  };
}

/** @type {readonly { name: string, backend?: (backend: any) => void, store?: (store: any) => void }[]} */
export const historyMutants = [
  {
    name: "serves finds from a cache of 50 ms that only its own process empties",
    store(store) {
      const cached = new Map();
      wrap(store, "findToken", (find) => async (query) => {
        const key = JSON.stringify(query);
        const known = cached.get(key);
        if (known !== undefined && performance.now() - known.at < CACHED_MS) return known.token;
        const token = await find(query);
        cached.set(key, { token, at: performance.now() });
        return token;
      });
      for (const method of ["saveToken", "deleteToken", "deleteTokens"]) {
        wrap(store, method, (original) => async (...args) => {
          cached.clear();
          try {
            return await original(...args);
          } finally {
            cached.clear();
          }
        });
      }
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
    name: "reads from a replica that lags while the main server is busy",
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
        const isRemoved = await remove(previous, ...args);
        if (isRemoved) mark(previous.id, previous);
        return isRemoved;
      });
    },
  },
  {
    name: "grants the last locks again after a failover",
    backend(backend) {
      wrap(backend, "open", (open) => async (deadline) => {
        await open(deadline);
        const states = backend.all("SELECT key, state FROM leases WHERE namespace = ?");
        for (const { key, state } of states) {
          const { fence, heldUntil } = JSON.parse(state);
          const isNew = heldUntil > Date.now();
          if (isNew)
            backend.leases.put(key, {
              owner: null,
              heldUntil: 0,
              fence: fence - 1,
              nextOwner: null,
              nextUntil: 0,
            });
        }
      });
    },
  },
];
