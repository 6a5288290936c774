import { inspect } from "node:util";
import { OAuthToken } from "@tokenkeep/core";

// Own and enumerable, so that a spread, `{ ...token, accessToken }`, carries it along.
const ORIGIN = Symbol("origin");

/** A token of this store. It remembers the version of the record that it is a copy of, and `with()` hands that on. */
export class ListToken {
  constructor(plain, origin) {
    Object.assign(this, plain, { [ORIGIN]: origin });
    Object.freeze(this);
  }

  get expiresIn() {
    return this.expiresAt === null ? null : Math.max(0, Math.floor((this.expiresAt - Date.now()) / 1000));
  }

  with(changes) {
    // `OAuthToken` checks the changes, and knows which properties go with a token.
    const { revision, createdAt, savedAt } = this;
    const changed = new OAuthToken(this.toPlain()).with(changes).toPlain();
    return new ListToken({ ...changed, revision, createdAt, savedAt }, this[ORIGIN]);
  }

  toPlain() {
    return structuredClone({ ...this, [ORIGIN]: undefined });
  }

  toJSON() {
    return new OAuthToken(this.toPlain()).toJSON();
  }

  toString() {
    return `ListToken(${this.id})`;
  }

  [inspect.custom]() {
    return `ListToken ${inspect(this.toJSON())}`;
  }
}

/** What a token was when this store returned it; undefined for anything else. */
export function originOf(token, store) {
  const origin = token?.[ORIGIN];
  return origin?.isOf(store) ? origin.plain() : undefined;
}

/** Shows nothing, as it holds secrets. */
export class Origin {
  #store;
  #plain;

  constructor(store, plain) {
    this.#store = store;
    this.#plain = plain;
    Object.freeze(this);
  }

  isOf(store) {
    return store === this.#store;
  }

  plain() {
    return this.#plain;
  }
}
