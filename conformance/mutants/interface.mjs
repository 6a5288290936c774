// Mutants of capabilities, methods and options (sections 8 and 9).
import { TokenStoreError } from "@tokenkeep/core";
import { changeReturned, lockingBy, wrap } from "./change.mjs";

const isToken = (token) => typeof token?.toPlain === "function";

const known = (options, names) =>
  Object.fromEntries(Object.entries(options ?? {}).filter(([name]) => names.includes(name)));

export const methods = [
  {
    name: "a method is missing",
    paragraphs: ["9.1"],
    case: "every method of the contract",
    store: (store) => {
      store.deleteTokens = undefined;
    },
  },
  {
    name: "importToken is missing",
    paragraphs: ["9.1"],
    case: "every method of the contract",
    store: (store) => {
      store.importToken = undefined;
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
    name: "without locks, work runs unlocked",
    paragraphs: ["8.1"],
    undeclared: ["locks"],
    store: (store) => {
      store.withLock = async (_key, work) => work();
    },
  },
  {
    name: "without revisions, the condition of a save is ignored",
    paragraphs: ["8.1"],
    undeclared: ["revisions"],
    store: (store) => wrap(store, "saveToken", (save) => (token) => save(token)),
  },
  {
    name: "without revisions, the condition of a delete is ignored",
    paragraphs: ["8.1"],
    undeclared: ["revisions"],
    store: (store) => {
      wrap(store, "saveToken", (save) => async (token, options) => {
        if (options?.ifRevision !== undefined)
          throw new TokenStoreError("ERR_UNSUPPORTED", "There are no revisions.");
        return save(token);
      });
      wrap(store, "deleteToken", (remove) => (id) => remove(id));
    },
  },
  {
    name: "without iteration, tokens() is empty",
    paragraphs: ["8.1"],
    undeclared: ["iteration"],
    store: (store) => {
      store.tokens = async function* () {};
    },
  },
  {
    name: "a delete does not return its promise",
    paragraphs: ["9.1"],
    case: "returns a promise",
    store: (store) => wrap(store, "deleteToken", (remove) => (id) => void remove(id).catch(() => {})),
  },
  {
    name: "with() changes the token itself",
    paragraphs: ["9.1"],
    case: "with() returns a changed copy",
    store: (store) =>
      changeReturned(store, (token) => {
        let current = token;
        return new Proxy(
          {},
          {
            get(_target, name) {
              if (name === "with") return (changes) => (current = current.with(changes));
              const value = current[name];
              return typeof value === "function" ? value.bind(current) : value;
            },
          },
        );
      }),
  },
  {
    name: "only plain properties can be saved",
    paragraphs: ["9.1"],
    case: "an OAuthToken can be passed",
    store: (store) =>
      wrap(store, "saveToken", (save) => async (token, options) => {
        if (isToken(token)) throw new TokenStoreError("ERR_INVALID_TOKEN", "Pass a plain object.");
        return save(token, options);
      }),
  },
  {
    name: "the properties of a token are getters of its class",
    paragraphs: ["9.1"],
    case: "updates the same record",
    store: (store) =>
      changeReturned(
        store,
        (token) =>
          new Proxy(
            {},
            {
              get(_target, name) {
                const value = token[name];
                return typeof value === "function" ? value.bind(token) : value;
              },
            },
          ),
      ),
  },
  {
    name: "a spread of a token is saved as plain properties",
    paragraphs: ["9.1"],
    case: "a stale copy made with spread",
    store: (store) =>
      wrap(
        store,
        "saveToken",
        (save) => (token, options) =>
          save(isToken(token) || token === null ? token : Object.fromEntries(Object.entries(token)), options),
      ),
  },
  {
    name: "unknown options of saveToken are ignored",
    paragraphs: ["9.2"],
    case: "of saveToken",
    store: (store) =>
      wrap(store, "saveToken", (save) => (token, options) => save(token, known(options, ["ifRevision"]))),
  },
  {
    name: "unknown options of deleteToken are ignored",
    paragraphs: ["9.2"],
    case: "of deleteToken",
    store: (store) =>
      wrap(store, "deleteToken", (remove) => (id, options) => remove(id, known(options, ["ifRevision"]))),
  },
  {
    name: "unknown options of withLock are ignored",
    paragraphs: ["9.2"],
    case: "of withLock",
    store: lockingBy(({ withLock, key, work, options }) =>
      withLock(key, work, known(options, ["timeoutMs", "signal", "maxHoldMs"])),
    ),
  },
];
