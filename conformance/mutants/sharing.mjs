// Mutants of opening, sharing and closing (section 5).
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { plainOf, wrap } from "./change.mjs";

const naming = (change) => (backend) => {
  backend.namespace = JSON.stringify(change(JSON.parse(backend.namespace)));
};

export const sharing = [
  {
    name: "close closes the caller's client",
    paragraphs: ["5.1"],
    case: "leaves a caller's client open",
    backend: (backend) => {
      backend.close = () => backend.db?.close();
    },
  },
  {
    name: "a store that was never used closes the caller's client",
    paragraphs: ["5.1"],
    case: "a shared client",
    store: (store, backend) =>
      wrap(store, "close", (close) => async () => {
        if (backend.db === undefined) backend.client?.close();
        await close();
      }),
  },
  {
    name: "opening empties the tables",
    paragraphs: ["5.2"],
    backend: (backend) =>
      wrap(backend, "open", (open) => (deadline) => {
        open(deadline);
        backend.db.exec("DELETE FROM records; DELETE FROM keys");
      }),
  },
  {
    name: "namespaces that differ in case are one",
    paragraphs: ["5.3"],
    backend: naming((name) => name.toLowerCase()),
  },
  { name: "a namespace loses its spaces", paragraphs: ["5.3"], backend: naming((name) => name.trim()) },
  {
    name: "a namespace is cut off at 64 characters",
    paragraphs: ["5.3"],
    backend: naming((name) => name.slice(0, 64)),
  },
  {
    name: "a namespace loses everything but letters",
    paragraphs: ["5.3"],
    backend: naming((name) => name.replace(/[^a-z]/gi, "")),
  },
  {
    name: "deleteTokens treats a namespace as a pattern",
    paragraphs: ["5.3"],
    backend: (backend) => {
      backend.clear = () =>
        backend.atomically(() => {
          const pattern = JSON.parse(backend.namespace);
          for (const table of ["records", "keys"]) {
            backend.db.prepare(`DELETE FROM ${table} WHERE namespace GLOB ?`).run(`"${pattern}*"`);
          }
        });
    },
  },
  {
    name: "close does not wait",
    paragraphs: ["5.4"],
    backend: (backend) =>
      wrap(backend, "insert", (insert) => async (...args) => {
        await sleep(5);
        return insert(...args);
      }),
    store: (store) => wrap(store, "close", (close) => async () => void close()),
  },
  {
    name: "close ends calls in progress",
    paragraphs: ["5.4"],
    case: "finds and deletes",
    store: (store) => {
      let isClosed = false;
      wrap(store, "close", (close) => () => {
        isClosed = true;
        return close();
      });
      wrap(store, "findToken", (find) => async (query) => {
        const found = await find(query);
        await sleep(0);
        if (isClosed) throw new Error("closed meanwhile");
        return found;
      });
    },
  },
  {
    name: "a closed store still answers",
    paragraphs: ["5.4"],
    store: (store) => {
      store.close = async () => {};
    },
  },
  {
    name: "a second close is an error",
    paragraphs: ["5.4"],
    store: (store) =>
      wrap(store, "close", (close) => {
        let isClosed = false;
        return async () => {
          if (isClosed) throw new Error("already closed");
          isClosed = true;
          await close();
        };
      }),
  },
  {
    name: "close leaves a timer behind",
    paragraphs: ["5.4"],
    backend: (backend) =>
      wrap(backend, "open", (open) => (deadline) => {
        open(deadline);
        // Only in a child: the process of the test has to end.
        if (process.argv[1]?.includes("processes")) setInterval(() => {}, 1000);
      }),
  },
  {
    name: "close ends the wait for a lock with another error",
    paragraphs: ["5.4"],
    options: { timeoutMs: 500 },
    store: (store) =>
      wrap(store, "withLock", (withLock) => async (key, work, options) => {
        try {
          return await withLock(key, work, options);
        } catch (error) {
          throw error.code === "ERR_STORE_CLOSED" ? new Error("aborted") : error;
        }
      }),
  },
  {
    name: "a store that declares durable forgets everything",
    paragraphs: ["5.5"],
    backend: (backend) => {
      backend.shared = false;
      backend.path += randomUUID();
    },
  },
  {
    name: "a save resolves before it is written",
    paragraphs: ["5.5"],
    case: "killed with SIGKILL at a random moment",
    backend: (backend) => {
      let newest;
      wrap(backend, "replace", (replace) => (record, keys, previous) => {
        const first = newest?.previous ?? previous;
        newest = { record, keys, previous: first };
        setTimeout(() => {
          const late = newest;
          newest = undefined;
          if (late !== undefined && backend.db.open) replace(late.record, late.keys, late.previous);
        }, 20).unref();
        return true;
      });
      wrap(
        backend,
        "read",
        (read) =>
          (...args) =>
            newest === undefined ? read(...args) : [newest.record],
      );
    },
  },
  {
    name: "a find is answered from a cache of this process",
    paragraphs: ["5.5"],
    case: "another process sees at once",
    store: (store) =>
      wrap(store, "findToken", (find) => {
        const cache = new Map();
        return async (query) => {
          const key = JSON.stringify(query);
          if (!cache.has(key)) cache.set(key, await find(query));
          return cache.get(key);
        };
      }),
  },
  {
    name: "a save merges with what its own store saw last",
    paragraphs: ["3.5", "5.5"],
    case: "on two stores of one space",
    store: (store) => {
      const seen = new Map();
      wrap(store, "saveToken", (save) => async (token, options) => {
        const user = plainOf(token).userSignature?.name;
        const saved = await save({ ...seen.get(user), ...plainOf(token) }, options);
        const {
          id: _id,
          revision: _revision,
          createdAt: _created,
          savedAt: _saved,
          ...fields
        } = saved.toPlain();
        const given = Object.entries(fields).filter(([, value]) => value !== null);
        if (user !== undefined) seen.set(user, Object.fromEntries(given));
        return saved;
      });
    },
  },
  {
    name: 'open: "existing" creates what is missing',
    paragraphs: ["5.2"],
    case: "creates nothing",
    backend: (backend) => {
      backend.create = true;
    },
  },
  {
    name: 'open: "existing" finds nothing',
    paragraphs: ["5.2"],
    case: "reads what is there",
    backend: (backend) => {
      if (!backend.create) backend.path += randomUUID();
    },
  },
];
