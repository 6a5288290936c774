// Mutants of errors, outages, capabilities and methods (sections 7 to 9).
import { TokenStoreError } from "@tokenkeep/core";
import { changeReturned, plainOf, wrap } from "./change.mjs";

/** Has what these methods reject with pass through `change`. */
const rejecting = (methods, change) => (store) => {
  for (const method of methods) {
    wrap(store, method, (original) => async (...args) => {
      try {
        return await original(...args);
      } catch (error) {
        throw change(error, store);
      }
    });
  }
};

const changed = (error, properties) => Object.assign(error, properties);

export const failing = [
  {
    name: "bad input is thrown, not rejected",
    paragraphs: ["7.1"],
    case: "not a throw",
    store: (store) =>
      wrap(store, "findTokenById", (find) => (id) => {
        if (typeof id !== "string") throw new TokenStoreError("ERR_INVALID_TOKEN", "id must be a string.");
        return find(id);
      }),
  },
  {
    name: "every error is said to be retryable",
    paragraphs: ["7.1"],
    store: rejecting(["saveToken", "findTokenById"], (error) => changed(error, { retryable: true })),
  },
  {
    name: "an error has no words",
    paragraphs: ["7.1"],
    store: rejecting(["saveToken"], (error) => changed(error, { message: error.code })),
  },
  {
    name: "a store that failed once is closed",
    paragraphs: ["7.1"],
    case: "the store works on",
    store: rejecting(["saveToken"], (error, store) => {
      void store.close();
      return error;
    }),
  },
  {
    name: "a backend that is gone is an error without a code",
    paragraphs: ["7.3"],
    case: "gone and back",
    store: rejecting(["saveToken"], (error) => (error.code === "ERR_UNAVAILABLE" ? error.cause : error)),
  },
  {
    name: "a backend that is gone is not retryable",
    paragraphs: ["7.3"],
    case: "gone and back",
    store: rejecting(["saveToken"], (error) =>
      error.code === "ERR_UNAVAILABLE" ? changed(error, { retryable: false }) : error,
    ),
  },
  {
    name: "a call to a silent backend waits for a minute",
    paragraphs: ["7.3"],
    case: "frozen past the time limit",
    options: { timeoutMs: 60_000 },
  },
  {
    name: "a store whose backend was gone stays out of order",
    paragraphs: ["7.3"],
    case: "gone and back",
    store: (store) => {
      let failure;
      wrap(store, "saveToken", (save) => async (...args) => {
        if (failure !== undefined) throw failure;
        try {
          return await save(...args);
        } catch (error) {
          if (error.code === "ERR_UNAVAILABLE") failure = error;
          throw error;
        }
      });
    },
  },
  {
    name: "a save whose reply was lost is said to be done, and is not",
    paragraphs: ["7.3"],
    case: "cut while calls are under way",
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        const before = await store.findToken(token).catch(() => null);
        try {
          return await save(token, options);
        } catch (error) {
          if (error.code !== "ERR_UNAVAILABLE" || before === null) throw error;
          return before.with({ ...plainOf(token), revision: before.revision + 100 });
        }
      }),
  },
  {
    name: "a save whose reply was lost is made again",
    paragraphs: ["7.3"],
    case: "a reply lost",
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        try {
          return await save(token, options);
        } catch (error) {
          if (error.code !== "ERR_UNAVAILABLE") throw error;
          return save(token, options);
        }
      }),
  },
  {
    name: "a hundred calls at once are too many",
    paragraphs: ["7.3"],
    case: "300 calls",
    store: (store) => {
      let underWay = 0;
      wrap(store, "findToken", (find) => async (query) => {
        if (++underWay > 100) throw new TokenStoreError("ERR_UNAVAILABLE", "All connections are in use.");
        await new Promise((resolve) => setImmediate(resolve));
        return find(query).finally(() => underWay--);
      });
    },
  },
  {
    name: "a method is missing",
    paragraphs: ["9.1"],
    case: "the six methods",
    store: (store) => {
      store.deleteTokens = undefined;
    },
  },
  {
    name: "a capability is left out",
    paragraphs: ["8.1"],
    case: "capabilities.durable",
    store: (store) => {
      const { durable: _, ...rest } = store.capabilities;
      Object.defineProperty(store, "capabilities", { value: rest });
    },
  },
  {
    name: "a store declares more once it is used",
    paragraphs: ["8.1"],
    case: "before and after use",
    store: (store) => {
      const { capabilities } = store;
      let isUsed = false;
      wrap(store, "saveToken", (save) => (...args) => {
        isUsed = true;
        return save(...args);
      });
      Object.defineProperty(store, "capabilities", { get: () => ({ ...capabilities, locks: isUsed }) });
    },
  },
  {
    name: "without locks the work runs unlocked",
    paragraphs: ["8.1"],
    undeclared: ["locks"],
    store: (store) => {
      store.withLock = async (_key, work) => work();
    },
  },
  {
    name: "without revisions the condition is ignored",
    paragraphs: ["8.1"],
    undeclared: ["revisions"],
    store: (store) => wrap(store, "saveToken", (save) => (token) => save(token)),
  },
  {
    name: "without iteration there is nothing to iterate over",
    paragraphs: ["8.1"],
    undeclared: ["iteration"],
    store: (store) => {
      store.tokens = async function* () {};
    },
  },
  {
    name: "a delete is begun, and not promised",
    paragraphs: ["9.1"],
    case: "returns a promise",
    store: (store) => wrap(store, "deleteToken", (remove) => (id) => void remove(id).catch(() => {})),
  },
  {
    name: "with() changes the token that it is called on",
    paragraphs: ["9.1"],
    case: "with() is a changed copy",
    store: (store) =>
      changeReturned(store, (token) => {
        let current = token;
        return new Proxy(token, {
          get(_target, name) {
            if (name === "with") return (changes) => (current = current.with(changes));
            const value = current[name];
            return typeof value === "function" ? value.bind(current) : value;
          },
        });
      }),
  },
  {
    name: "a token is copied by its own properties, which an OAuthToken has none of",
    paragraphs: ["9.1"],
    case: "an OAuthToken is taken",
    store: (store) => wrap(store, "saveToken", (save) => (token, options) => save({ ...token }, options)),
  },
];
