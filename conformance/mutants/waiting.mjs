// Mutants of waiting for a lock, and of what locks have to do with the other calls (6.4 and 6.5).
import { FREE_LEASE } from "@tokenkeep/core/backend";
import { lockingBy, wrap } from "./change.mjs";

/** Rejects with something else than the correct store does. */
const rejectingBy = (change) =>
  lockingBy(async ({ withLock, key, work, options }) => {
    try {
      return await withLock(key, work, options);
    } catch (error) {
      throw change(error, options);
    }
  });

export const waiting = [
  {
    name: "a lock that is not free in time is an error without a code",
    paragraphs: ["6.4"],
    store: rejectingBy((error) => (error.code === "ERR_LOCK_TIMEOUT" ? new Error("timeout") : error)),
  },
  {
    name: "an aborted wait rejects with its own error",
    paragraphs: ["6.4"],
    store: rejectingBy((error, options) =>
      error === options?.signal?.reason ? new DOMException("aborted", "AbortError") : error,
    ),
  },
  {
    name: "timeoutMs: 0 is treated as no limit",
    paragraphs: ["6.4"],
    case: "ERR_LOCK_TIMEOUT",
    // The case would otherwise wait forever for its own lock.
    options: { timeoutMs: 300 },
    store: lockingBy(({ withLock, key, work, options }) =>
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
    store: lockingBy(async ({ withLock, key, work, options }) => {
      const result = await withLock(key, work, options);
      options?.signal?.throwIfAborted();
      return result;
    }),
  },
  {
    name: "a wait without a limit waits forever",
    paragraphs: ["6.4"],
    case: "its own limit",
    store: lockingBy(({ withLock, key, work, options }) =>
      withLock(key, work, { ...options, timeoutMs: options?.timeoutMs ?? 60_000 }),
    ),
  },
  {
    name: "a waiter asks every five seconds",
    paragraphs: ["6.5"],
    case: "soon after it is free",
    backend: (backend) => {
      const askedAt = new Map();
      wrap(backend.leases, "acquire", (acquire) => (key, owner, ...rest) => {
        if (Date.now() - (askedAt.get(owner) ?? 0) < 5000) return null;
        askedAt.set(owner, Date.now());
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
        const last = leases.state(`last ${key}`);
        if (last.owner !== mine && last.heldUntil > Date.now()) return null;
        // Without a reservation for others.
        const fence = acquire(key, owner, leaseMs, 0);
        const heldUntil = Date.now() + 1000;
        if (fence !== null) leases.put(`last ${key}`, { ...FREE_LEASE, owner: mine, heldUntil });
        return fence;
      });
    },
  },
  {
    name: "a save takes the user's lock",
    paragraphs: ["6.5"],
    case: "nor wait for one",
    store: (store) =>
      wrap(
        store,
        "saveToken",
        (save) => (token, options) =>
          store.withLock(token.userSignature?.name ?? "save", () => save(token, options), { timeoutMs: 300 }),
      ),
  },
  {
    name: "deleteTokens deletes the locks too",
    paragraphs: ["6.5"],
    case: "deleteTokens does not free a lock",
    backend: (backend) =>
      wrap(backend, "clear", (clear) => () => {
        clear();
        backend.run("DELETE FROM leases WHERE namespace = ?");
      }),
  },
  {
    name: "the limits of a wait count from when the store is open",
    paragraphs: ["6.4"],
    case: "while the store opens",
    store: lockingBy(async ({ store, withLock, key, work, options }) => {
      await store.getTokens();
      return withLock(key, work, options);
    }),
  },
];
