// Mutants of holding a lock (6.1 to 6.3).
import { setTimeout as sleep } from "node:timers/promises";
import { FREE_LEASE, grantLease } from "@tokenkeep/core/backend";
import { lockingBy, ROUND_TRIP_MS, wrap } from "./change.mjs";

export const locking = [
  {
    name: "work begins under a lease that has expired",
    paragraphs: ["6.2"],
    case: "expired on the way",
    core: {
      file: "locks.js",
      from: "fence !== null && performance.now() < askedAt + leaseMs",
      to: "fence !== null",
    },
  },
  {
    name: "two holders get one lock",
    paragraphs: ["6.1"],
    case: "holders in one process",
    store: (store) => {
      let calls = 0;
      lockingBy(({ withLock, key, work, options }) => withLock(`${key}${calls++ % 2}`, work, options))(store);
    },
  },
  {
    name: "what work returns is lost",
    paragraphs: ["6.1"],
    case: "returns what work returns",
    store: lockingBy(async ({ withLock, key, work, options }) => void (await withLock(key, work, options))),
  },
  {
    name: "work that throws leaves the lock held",
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
    name: "a lock excludes only its own store",
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
    name: "a lock is checked and then taken, in two steps",
    paragraphs: ["6.1"],
    case: "processes never hold one lock",
    backend: (backend) => {
      const { leases } = backend;
      leases.acquire = async (key, owner, leaseMs) => {
        if (leases.state(key).heldUntil > Date.now()) return null;
        await sleep(ROUND_TRIP_MS);
        const { state } = grantLease(FREE_LEASE, {
          ...{ owner, leaseMs, reserveMs: 0, now: Date.now() },
          fence: leases.state(key).fence + 1,
        });
        leases.put(key, state);
        return state.fence;
      };
    },
  },
  {
    name: "lock keys that differ in case are one",
    paragraphs: ["6.1"],
    case: "locks with different keys",
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
    name: "the lock of a dead holder stays held",
    paragraphs: ["6.2"],
    case: "killed with SIGKILL",
    backend: (backend) =>
      wrap(
        backend.leases,
        "acquire",
        (acquire) =>
          (key, owner, _leaseMs, ...rest) =>
            acquire(key, owner, 3_600_000, ...rest),
      ),
  },
  {
    name: "a lease lasts a minute by default",
    paragraphs: ["6.2"],
    case: "by default",
    backend: (backend) =>
      wrap(
        backend.leases,
        "acquire",
        (acquire) =>
          (key, owner, leaseMs, ...rest) =>
            acquire(key, owner, leaseMs === 10_000 ? 60_000 : leaseMs, ...rest),
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
    name: "a lease is renewed whoever holds it",
    paragraphs: ["6.3"],
    case: "stopped for longer than its lease",
    backend: (backend) => {
      const { leases } = backend;
      leases.renew = (key, _owner, leaseMs) => {
        leases.put(key, { ...leases.state(key), heldUntil: Date.now() + leaseMs });
        return true;
      };
    },
  },
  {
    name: "a lock is released whoever holds it",
    paragraphs: ["6.3"],
    case: "stopped for longer than its lease",
    backend: (backend) => {
      const { leases } = backend;
      leases.renew = (key, owner) => {
        if (leases.state(key).owner !== owner) leases.release(key);
        return leases.state(key).owner === owner;
      };
      leases.release = (key) => {
        leases.put(key, { ...leases.state(key), owner: null, heldUntil: 0, nextOwner: null });
        return true;
      };
    },
  },
  {
    name: "withLock of a lost lock resolves",
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
    name: "the fence starts again in each store",
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
    name: "maxHoldMs is ignored",
    paragraphs: ["6.2"],
    case: "longer than maxHoldMs",
    options: { timeoutMs: 2000 },
    store: lockingBy(({ withLock, key, work, options: { maxHoldMs: _, ...options } = {} }) =>
      withLock(key, work, options),
    ),
  },
  {
    name: "a holder is only told that it holds for longer than maxHoldMs",
    paragraphs: ["6.2"],
    case: "longer than maxHoldMs",
    store: lockingBy(({ withLock, key, work, options: { maxHoldMs, ...options } = {} }) => {
      if (maxHoldMs === undefined) return withLock(key, work, options);
      const late = AbortSignal.timeout(maxHoldMs);
      return withLock(key, (lease) => work({ ...lease, signal: late }), { ...options, timeoutMs: 2000 });
    }),
  },
  {
    name: "a lock is lost with the reply to its release",
    paragraphs: ["6.3"],
    case: "held to the end",
    backend: (backend) =>
      wrap(backend.leases, "release", (release) => async (...args) => {
        try {
          return await release(...args);
        } catch {
          return false;
        }
      }),
  },
];
