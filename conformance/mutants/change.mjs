import { keysOf } from "@tokenkeep/core/backend";

/** Replaces a method by `make(original)`. */
export function wrap(object, method, make) {
  const original = object[method].bind(object);
  object[method] = make(original);
}

/** Passes every token that the store returns through `change`. */
export function changeReturned(store, change) {
  const orNull = (token) => (token === null ? null : change(token));
  wrap(store, "findToken", (find) => async (query) => orNull(await find(query)));
  wrap(store, "findTokenById", (find) => async (id) => orNull(await find(id)));
  wrap(store, "saveToken", (save) => async (token, options) => change(await save(token, options)));
  wrap(store, "getTokens", (all) => async () => (await all()).map(change));
}

/** Passes every record through `change` before it is stored. */
export function changeStored(backend, change) {
  wrap(backend, "put", (put) => (record, keys) => put(change(record), keys));
}

/** Changes the text of the properties that people would call text. */
export function changeText(change) {
  const names = [
    "userName",
    "clientId",
    "clientSecret",
    "refreshToken",
    "accessToken",
    "redirectUrl",
    "apiDomain",
  ];
  return (record) => {
    const copy = { ...record };
    for (const name of names) if (copy[name] !== null) copy[name] = change(copy[name]);
    return copy;
  };
}

/** A token with other values for some properties. */
export function disguise(token, properties) {
  return new Proxy(
    {},
    {
      get(_target, name) {
        if (name in properties) return properties[name];
        const value = token[name];
        return typeof value === "function" ? value.bind(token) : value;
      },
      has: (_target, name) => name in token,
      ownKeys: () => Reflect.ownKeys(token),
      getOwnPropertyDescriptor(_target, name) {
        const descriptor = Reflect.getOwnPropertyDescriptor(token, name);
        if (descriptor === undefined) return undefined;
        return {
          ...descriptor,
          configurable: true,
          value: name in properties ? properties[name] : token[name],
        };
      },
      getPrototypeOf: () => Object.getPrototypeOf(token),
    },
  );
}

export function plainOf(token) {
  return typeof token?.toPlain === "function" ? token.toPlain() : { ...token };
}

/** Replaces withLock: `withLock` is the correct one. */
export const lockingBy = (make) => (store) =>
  wrap(
    store,
    "withLock",
    (withLock) => (key, work, options) => make({ store, withLock, key, work, options }),
  );

/** Has every record that an update stores pass through `change`. */
export const updating = (change) => (backend) =>
  wrap(backend, "replace", (replace) => (record, _keys, previous, deadline) => {
    const changed = change(record, previous);
    return replace(changed, keysOf(changed), previous, deadline);
  });

/** Replaces what these methods reject with by what `change` makes of it. */
export const rejecting = (methods, change) => (store) => {
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

/** As far away as a server: another request may come between two steps. */
export const ROUND_TRIP_MS = 3;
