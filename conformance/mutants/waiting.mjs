// Mutants of waiting for a lock, and of what locks have to do with the other calls (6.4 and 6.5).
import { lockingBy, wrap } from "./change.mjs";

/** Rejects with something else than the sound store does. */
const rejecting = (change) =>
  lockingBy(async ({ withLock, key, work, options }) => {
    try {
      return await withLock(key, work, options);
    } catch (error) {
      throw change(error, options);
    }
  });

export const waiting = [
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
    name: "a wait without a limit waits for ever",
    paragraphs: ["6.4"],
    case: "a limit of its own",
    store: lockingBy(({ withLock, key, work, options }) =>
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
