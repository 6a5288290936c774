// Mutants of outages and lost replies (7.3), and of what else an outage shows.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { TokenStoreError } from "@tokenkeep/core";
import { lockingBy, rejecting, wrap } from "./change.mjs";

const isUnavailable = (error) => error.code === "ERR_UNAVAILABLE";

/** What `send` returns; repeated if its reply is lost. */
async function repeated(send, deadline) {
  for (;;) {
    try {
      return await send();
    } catch {
      await sleep(10);
      deadline.check();
    }
  }
}

/** Calls that fail are made again in the background until they succeed. */
const finishedLater =
  (isMeant = () => true) =>
  (store, backend) =>
    wrap(store, "deleteToken", (remove) => async (id, options) => {
      try {
        await remove(id, options);
      } catch (error) {
        if (isUnavailable(error) && isMeant(backend))
          void repeated(() => remove(id, options), { check() {} });
        throw error;
      }
    });

export const outages = [
  {
    name: "an outage is an error without a code",
    paragraphs: ["7.3"],
    case: "is gone for a while",
    store: rejecting(["saveToken"], (error) => (isUnavailable(error) ? new Error("no connection") : error)),
  },
  {
    name: "an outage is not retryable",
    paragraphs: ["7.3"],
    case: "is gone for a while",
    store: rejecting(["saveToken"], (error) =>
      isUnavailable(error) ? Object.assign(error, { retryable: false }) : error,
    ),
  },
  {
    name: "a find that an outage ended is uncertain",
    paragraphs: ["7.3"],
    case: "is gone for a while",
    store: rejecting(["findToken"], (error) => Object.assign(error, { uncertain: true })),
  },
  {
    name: "a call to a silent backend waits for a minute",
    paragraphs: ["7.3"],
    case: "is frozen for a while",
    options: { timeoutMs: 60_000 },
  },
  {
    name: "a store does not recover from an outage",
    paragraphs: ["7.3"],
    case: "is gone for a while",
    store: (store) => {
      let failure;
      wrap(store, "saveToken", (save) => async (...args) => {
        if (failure !== undefined) throw failure;
        try {
          return await save(...args);
        } catch (error) {
          if (isUnavailable(error)) failure = error;
          throw error;
        }
      });
    },
  },
  {
    name: "a connection that is never answered is never given up",
    paragraphs: ["7.3"],
    case: "never answers for a while",
    backend: (backend) => {
      let last = Promise.resolve();
      wrap(backend, "read", (read) => (...args) => {
        last = last.then(() => read(...args));
        return last;
      });
    },
  },
  {
    name: "a store whose first use failed never opens",
    paragraphs: ["7.3"],
    case: "used for the first time",
    backend: (backend) => {
      let opening;
      wrap(backend, "open", (open) => (deadline) => {
        opening ??= (async () => open(deadline))();
        return opening;
      });
    },
  },
  {
    name: "the limits of withLock count from when the store is open",
    paragraphs: ["6.4"],
    case: "withLock keeps its own limits",
    store: lockingBy(async ({ store, withLock, key, work, options }) => {
      await store.ready();
      return withLock(key, work, options);
    }),
  },
  {
    name: "a save whose reply was lost is reported as successful, and was not applied",
    paragraphs: ["7.3"],
    case: "connections are cut",
    backend: (backend) =>
      wrap(backend, "replace", (replace) => async (...args) => {
        try {
          return await replace(...args);
        } catch {
          return true;
        }
      }),
  },
  {
    name: "a save whose reply was lost is sent again",
    paragraphs: ["7.3"],
    case: "is applied once",
    backend: (backend) =>
      wrap(backend, "replace", (replace) => async (record, keys, previous, deadline) => {
        try {
          return await replace(record, keys, previous, deadline);
        } catch {
          return repeated(() => {
            const stored = backend.recordOf(record.id);
            const { revision } = stored;
            return replace({ ...record, revision: revision + 1, etag: randomUUID() }, keys, stored, deadline);
          }, deadline);
        }
      }),
  },
  {
    name: "a save whose reply was lost overwrites a newer one",
    paragraphs: ["7.3"],
    case: "does not overwrite a newer save",
    backend: (backend) =>
      wrap(
        backend,
        "replace",
        (replace) =>
          (...args) =>
            repeated(() => replace(...args), args.at(-1)),
      ),
  },
  {
    name: "a conditional save whose reply was lost is a conflict with itself",
    paragraphs: ["7.3"],
    case: "never reported as a conflict",
    backend: (backend) =>
      wrap(
        backend,
        "replace",
        (replace) =>
          (...args) =>
            repeated(() => replace(...args), args.at(-1)),
      ),
  },
  {
    name: "an insert whose reply was lost is sent again",
    paragraphs: ["7.3"],
    case: "an insert whose reply was lost",
    backend: (backend) =>
      wrap(
        backend,
        "insert",
        (insert) =>
          (...args) =>
            repeated(() => insert(...args), args.at(-1)),
      ),
  },
  {
    name: "a delete whose reply was lost is sent again, without its condition",
    paragraphs: ["7.3"],
    case: "a delete whose reply was lost",
    backend: (backend) =>
      wrap(backend, "remove", (remove) => async (previous, deadline) => {
        try {
          return await remove(previous, deadline);
        } catch {
          await repeated(() => backend.read([{ kind: "id", key: previous.id }], deadline), deadline);
          backend.atomically(() => backend.drop(previous.id));
          return true;
        }
      }),
  },
  {
    name: "a delete that failed is made once the server is back",
    paragraphs: ["7.3"],
    case: "calls that failed while the server was gone have no effect",
    store: finishedLater(),
  },
  {
    name: "over a caller's client, a delete that failed is made once the server is back",
    paragraphs: ["7.3"],
    case: "over a caller's client too",
    store: finishedLater((backend) => backend.client !== undefined),
  },
  {
    name: "a write that may have been applied is not reported as uncertain",
    paragraphs: ["7.3"],
    case: "a frozen server applies late",
    store: rejecting(["saveToken", "deleteToken"], (error) => Object.assign(error, { uncertain: false })),
  },
  {
    name: "more than a hundred concurrent calls fail",
    paragraphs: ["7.3"],
    case: "300 concurrent calls",
    store: (store) => {
      let inProgress = 0;
      wrap(store, "findToken", (find) => async (query) => {
        if (++inProgress > 100) throw new TokenStoreError("ERR_UNAVAILABLE", "All connections are in use.");
        await new Promise((resolve) => setImmediate(resolve));
        return find(query).finally(() => inProgress--);
      });
    },
  },
];
