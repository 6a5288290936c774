// Mutants of holding a lock (6.1 to 6.3).
import { lockingBy, wrap } from "./change.mjs";

export const locking = [
  {
    name: "a lock lets two in",
    paragraphs: ["6.1"],
    case: "callers of one process",
    store: (store) => {
      let calls = 0;
      lockingBy(({ withLock, key, work, options }) => withLock(`${key}${calls++ % 2}`, work, options))(store);
    },
  },
  {
    name: "what the work returns is lost",
    paragraphs: ["6.1"],
    case: "returns what the work returns",
    store: lockingBy(async ({ withLock, key, work, options }) => void (await withLock(key, work, options))),
  },
  {
    name: "work that throws leaves the lock taken",
    paragraphs: ["6.1"],
    case: "the lock is free after it",
    options: { timeoutMs: 1000 },
    store: lockingBy(
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
    store: lockingBy(({ withLock, key, work, options }) => withLock(key.toLowerCase(), work, options)),
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
    store: lockingBy(async ({ withLock, key, work, options }) => {
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
];
