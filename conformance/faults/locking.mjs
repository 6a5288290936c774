// Faults in locking: §6.
import { wrap } from "./change.mjs";

const locking = (make) => (store) =>
  wrap(
    store,
    "withLock",
    (withLock) => (key, work, options) => make({ store, withLock, key, work, options }),
  );

/** Rejects with something else than the sound store does. */
const rejecting = (change) =>
  locking(async ({ withLock, key, work, options }) => {
    try {
      return await withLock(key, work, options);
    } catch (error) {
      throw change(error, options);
    }
  });

export const lockings = [
  {
    name: "a lock lets two in",
    paragraphs: ["6.1"],
    case: "callers of one process",
    store: (store) => {
      let calls = 0;
      locking(({ withLock, key, work, options }) => withLock(`${key}${calls++ % 2}`, work, options))(store);
    },
  },
  {
    name: "what the work returns is lost",
    paragraphs: ["6.1"],
    case: "returns what the work returns",
    store: locking(async ({ withLock, key, work, options }) => void (await withLock(key, work, options))),
  },
  {
    name: "work that throws leaves the lock taken",
    paragraphs: ["6.1"],
    case: "the lock is free after it",
    options: { timeoutMs: 1000 },
    store: locking(
      ({ withLock, key, work, options }) =>
        new Promise((resolve, reject) => {
          const held = withLock(
            key,
            async (lease) => {
              try {
                return await work(lease);
              } catch (error) {
                reject(error);
                return new Promise(() => {});
              }
            },
            options,
          );
          held.then(resolve, reject);
        }),
    ),
  },
  {
    name: "a lock holds in its own process only",
    paragraphs: ["6.1"],
    case: "two stores of one space",
    backend: (backend) => {
      const mine = Math.random().toString(36);
      for (const method of ["acquire", "renew", "release"]) {
        wrap(
          backend.leases,
          method,
          (original) =>
            (key, ...rest) =>
              original(`${key}${mine}`, ...rest),
        );
      }
    },
  },
  {
    name: "the lock is a file that is there or not, looked at before it is made",
    paragraphs: ["6.1"],
    case: "processes never hold one lock",
    backend: (backend) => {
      const { leases } = backend;
      leases.acquire = async (key, owner, leaseMs) => {
        const row = leases.row(key);
        if (row?.ends > Date.now()) return null;
        await new Promise((resolve) => setTimeout(resolve, 3));
        const fence = (leases.row(key)?.fence ?? 0) + 1;
        leases.put(key, { owner, ends: Date.now() + leaseMs, next: null, nextEnds: 0, fence });
        return fence;
      };
    },
  },
  {
    name: "lock keys that differ in case are one",
    paragraphs: ["6.1"],
    case: "locks of different keys",
    store: locking(({ withLock, key, work, options }) => withLock(key.toLowerCase(), work, options)),
  },
  {
    name: "namespaces share their locks",
    paragraphs: ["6.1"],
    case: "locks of different namespaces",
    backend: (backend) => {
      const { leases } = backend;
      leases.backend = Object.create(backend, { namespace: { value: '""' } });
    },
  },
  {
    name: "the lock of a dead holder stays taken",
    paragraphs: ["6.2"],
    case: "killed with SIGKILL",
    backend: (backend) =>
      wrap(
        backend.leases,
        "acquire",
        (acquire) => (key, owner, _leaseMs, placeMs) => acquire(key, owner, 3_600_000, placeMs),
      ),
  },
  {
    name: "a lease is of a minute unless told otherwise",
    paragraphs: ["6.2"],
    case: "nobody said otherwise",
    backend: (backend) =>
      wrap(
        backend.leases,
        "acquire",
        (acquire) => (key, owner, leaseMs, placeMs) =>
          acquire(key, owner, leaseMs === 10_000 ? 60_000 : leaseMs, placeMs),
      ),
  },
  {
    name: "a lease is not renewed",
    paragraphs: ["6.2"],
    case: "held for longer than the lease",
    backend: (backend) => {
      backend.leases.renew = () => true;
    },
  },
  {
    name: "a lease is renewed without a look at its owner",
    paragraphs: ["6.3"],
    case: "stopped past its lease",
    backend: (backend) => {
      const { leases } = backend;
      leases.renew = (key, _owner, leaseMs) => {
        leases.put(key, { ...leases.row(key), ends: Date.now() + leaseMs });
        return true;
      };
    },
  },
  {
    name: "a lock is released without a look at its owner",
    paragraphs: ["6.3"],
    case: "stopped past its lease",
    backend: (backend) => {
      const { leases } = backend;
      leases.renew = (key, owner) => {
        if (leases.row(key)?.owner !== owner) leases.release(key);
        return leases.row(key)?.owner === owner;
      };
      leases.release = (key) => {
        leases.put(key, { ...leases.row(key), owner: null, ends: 0, next: null });
        return true;
      };
    },
  },
  {
    name: "who lost the lock is not told",
    paragraphs: ["6.3"],
    case: "under a lost lease",
    store: locking(async ({ withLock, key, work, options }) => {
      let result;
      try {
        return await withLock(
          key,
          async (lease) => {
            result = await work(lease);
          },
          options,
        );
      } catch (error) {
        if (error.code === "ERR_LOCK_LOST") return result;
        throw error;
      }
    }),
  },
  {
    name: "the fence is always the same",
    paragraphs: ["6.3"],
    case: "grows with every grant",
    backend: (backend) =>
      wrap(
        backend.leases,
        "acquire",
        (acquire) =>
          (...args) =>
            acquire(...args) === null ? null : 1,
      ),
  },
  {
    name: "the fence begins anew in each store",
    paragraphs: ["6.3"],
    case: "when the store is opened again",
    backend: (backend) => {
      let fence = 0;
      wrap(
        backend.leases,
        "acquire",
        (acquire) =>
          (...args) =>
            acquire(...args) === null ? null : ++fence,
      );
    },
  },
  {
    name: "a lock that was not got in time is an error without a code",
    paragraphs: ["6.4"],
    store: rejecting((error) => (error.code === "ERR_LOCK_TIMEOUT" ? new Error("timeout") : error)),
  },
  {
    name: "an aborted wait rejects with an error of its own",
    paragraphs: ["6.4"],
    store: rejecting((error, options) =>
      error === options?.signal?.reason ? new DOMException("aborted", "AbortError") : error,
    ),
  },
  {
    name: "timeoutMs 0 is taken for none",
    paragraphs: ["6.4"],
    case: "ERR_LOCK_TIMEOUT",
    // the case then waits in its own lock for ever
    options: { timeoutMs: 300 },
    store: locking(({ withLock, key, work, options }) =>
      withLock(
        key,
        work,
        options?.timeoutMs === 0 ? { timeoutMs: 300, signal: AbortSignal.abort() } : options,
      ),
    ),
  },
  {
    name: "a signal ends the lock of work that runs",
    paragraphs: ["6.4"],
    store: locking(async ({ withLock, key, work, options }) => {
      const result = await withLock(key, work, options);
      options?.signal?.throwIfAborted();
      return result;
    }),
  },
  {
    name: "a wait without a limit waits for ever",
    paragraphs: ["6.4"],
    case: "a limit of its own",
    store: locking(({ withLock, key, work, options }) =>
      withLock(key, work, { ...options, timeoutMs: options?.timeoutMs ?? 60_000 }),
    ),
  },
  {
    name: "a waiter looks every five seconds",
    paragraphs: ["6.5"],
    case: "soon after it is free",
    backend: (backend) => {
      const looks = new Map();
      wrap(backend.leases, "acquire", (acquire) => (key, owner, ...rest) => {
        if (Date.now() - (looks.get(owner) ?? 0) < 5000) return null;
        looks.set(owner, Date.now());
        return acquire(key, owner, ...rest);
      });
    },
  },
  {
    name: "a lock prefers the store that had it last",
    paragraphs: ["6.5"],
    case: "does not starve another",
    backend: (backend) => {
      const { leases } = backend;
      const mine = Math.random().toString(36);
      wrap(leases, "acquire", (acquire) => (key, owner, leaseMs) => {
        const last = leases.row(`last ${key}`);
        if (last !== undefined && last.owner !== mine && last.ends > Date.now()) return null;
        // without a place in line for others
        const fence = acquire(key, owner, leaseMs, 0);
        if (fence !== null) {
          leases.put(`last ${key}`, {
            owner: mine,
            ends: Date.now() + 1000,
            next: null,
            nextEnds: 0,
            fence: 0,
          });
        }
        return fence;
      });
    },
  },
  {
    name: "a save takes the user's lock",
    paragraphs: ["6.5"],
    case: "are not held up by one",
    store: (store) =>
      wrap(
        store,
        "saveToken",
        (save) => (token, options) =>
          store.withLock(token.userSignature?.name ?? "save", () => save(token, options), { timeoutMs: 300 }),
      ),
  },
  {
    name: "deleteTokens empties the locks too",
    paragraphs: ["6.5"],
    case: "deleteTokens does not free a lock",
    backend: (backend) =>
      wrap(backend, "clear", (clear) => () => {
        clear();
        backend.run("DELETE FROM leases WHERE namespace = ?");
      }),
  },
];
