/** Puts `make(original)` in the place of a method, where `original` is the method that was there. */
export function wrap(object, method, make) {
  const original = object[method].bind(object);
  object[method] = make(original);
}

/** Has every token that the store gives back pass through `change`. */
export function changeReturned(store, change) {
  const orNull = (token) => (token === null ? null : change(token));
  wrap(store, "findToken", (find) => async (query) => orNull(await find(query)));
  wrap(store, "findTokenById", (find) => async (id) => orNull(await find(id)));
  wrap(store, "saveToken", (save) => async (token, options) => change(await save(token, options)));
  wrap(store, "getTokens", (all) => async () => (await all()).map(change));
}

/** Has every record pass through `change` on its way in. */
export function changeStored(backend, change) {
  wrap(backend, "put", (put) => (record, keys) => put(change(record), keys));
}

/** Changes the text of the properties that a person would call text. */
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

/** A token that answers some properties otherwise. */
export function disguise(token, properties) {
  return new Proxy(token, {
    get(target, name) {
      if (name in properties) return properties[name];
      const value = target[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

export function plainOf(token) {
  return typeof token?.toPlain === "function" ? token.toPlain() : { ...token };
}

/** Replaces withLock: `withLock` is the sound one. */
export const lockingBy = (make) => (store) =>
  wrap(
    store,
    "withLock",
    (withLock) => (key, work, options) => make({ store, withLock, key, work, options }),
  );
