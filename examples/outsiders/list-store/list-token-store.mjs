import { isDeepStrictEqual } from "node:util";
import { OAuthToken, TokenStoreError } from "@tokenkeep/core";
import { ListToken, Origin, originOf } from "./list-token.mjs";

const TOKENS = ["grantToken", "refreshToken", "accessToken"];

/** What is good for one token only, and is given with it. */
const DEPENDENT = { accessToken: ["expiresAt"], refreshToken: ["refreshTokenExpiresAt", "refreshState"] };

/** Tokens in a list, in the order in which they were first saved. Lost when the process ends. */
export class ListTokenStore {
  capabilities = Object.freeze({
    durable: false,
    shared: false,
    revisions: false,
    locks: false,
    namespaces: false,
    iteration: false,
  });
  // A record is a frozen plain token: `{ id, userSignature, …, revision, createdAt, savedAt }`.
  #records = [];
  #isClosed = false;

  async findToken(query) {
    this.#checkOpen();
    const wanted = plainOf(query);
    return this.#tokenOf(wanted.id === null ? this.#match(wanted) : this.#byId(wanted.id));
  }

  async findTokenById(id) {
    this.#checkOpen();
    return this.#tokenOf(this.#byId(checkId(id)));
  }

  // Nothing is awaited in here, so a save is atomic.
  async saveToken(token, options) {
    this.#checkOpen();
    checkOptions("saveToken", options);
    const given = plainOf(token);
    const stored = this.#byId(given.id) ?? this.#match(given);
    const changes = changesOf(given, originOf(token, this));
    const record = stored === undefined ? newRecord(given) : nextRecord(stored, changes);
    if (TOKENS.every((kind) => record[kind] === null)) {
      throw invalid("A record needs a grantToken, a refreshToken or an accessToken. Nothing was saved.");
    }
    this.#put(record, stored);
    return this.#tokenOf(record);
  }

  async importToken(token) {
    this.#checkOpen();
    const given = plainOf(token);
    if ([given.id, given.revision, given.createdAt, given.savedAt].includes(null)) {
      throw invalid("importToken needs a token with an id, a revision, createdAt and savedAt.");
    }
    const stored = this.#byId(given.id);
    if (stored !== undefined && stored.savedAt >= given.savedAt) return false;
    this.#put(given, stored);
    return true;
  }

  async deleteToken(id, options) {
    this.#checkOpen();
    checkOptions("deleteToken", options);
    checkId(id);
    this.#records = this.#records.filter((record) => record.id !== id);
  }

  async deleteTokens() {
    this.#checkOpen();
    this.#records = [];
  }

  async getTokens() {
    this.#checkOpen();
    return this.#records.map((record) => this.#tokenOf(record));
  }

  async *tokens() {
    yield refuse("tokens()");
  }

  async withLock() {
    refuse("withLock");
  }

  async close() {
    this.#isClosed = true;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  #byId(id) {
    return this.#records.find((record) => record.id === id);
  }

  /** By user, then by each token, among the records that may answer at all. */
  #match(wanted) {
    const candidates = this.#records.filter(
      (record) => agree(userOf(record), userOf(wanted)) && agree(record.clientId, wanted.clientId),
    );
    if (userOf(wanted) !== null) {
      const ofUser = candidates.filter((record) => userOf(record) === userOf(wanted));
      // The record of the query's client before the one without a client; without a client, the one saved last.
      const isAsked = (record) => wanted.clientId !== null && record.clientId !== null;
      ofUser.sort((a, b) => Number(isAsked(b)) - Number(isAsked(a)) || b.savedAt - a.savedAt);
      if (ofUser.length > 0) return ofUser[0];
    }
    for (const kind of TOKENS) {
      const found = wanted[kind] !== null && candidates.find((record) => record[kind] === wanted[kind]);
      if (found) return found;
    }
    return undefined;
  }

  #put(record, stored) {
    for (const other of this.#records) if (other !== stored) checkUnique(record, other);
    const others = this.#records.filter((other) => other !== stored);
    this.#records = [...others, Object.freeze(record)].sort((a, b) => a.createdAt - b.createdAt);
  }

  #tokenOf(record) {
    if (record === undefined) return null;
    return new ListToken(structuredClone(record), new Origin(this, record));
  }

  #checkOpen() {
    if (this.#isClosed) throw new TokenStoreError("ERR_STORE_CLOSED", "The store is closed. Make a new one.");
  }
}

/** `OAuthToken` checks what a caller gives, and makes what is missing `null`. */
function plainOf(token) {
  // Without an argument it would be an empty token.
  return new OAuthToken(token ?? null).toPlain();
}

const userOf = (token) => token.userSignature?.name ?? null;

/** Values agree unless both are there and differ. */
const agree = (one, other) => one === null || other === null || one === other;

/** What a save changes: of a copy, what differs from the origin, and `null` removes; otherwise everything given. */
function changesOf(given, origin) {
  const entries = Object.entries(given);
  if (origin === undefined) return Object.fromEntries(entries.filter(([, value]) => value !== null));
  const changes = Object.fromEntries(
    entries.filter(([name, value]) => !isDeepStrictEqual(value, origin[name])),
  );
  for (const [token, names] of Object.entries(DEPENDENT)) {
    if (token in changes) for (const name of names) changes[name] = given[name];
  }
  return changes;
}

function newRecord(given) {
  const now = Date.now();
  return { ...given, id: given.id ?? crypto.randomUUID(), revision: 1, createdAt: now, savedAt: now };
}

function nextRecord(stored, changes) {
  const { id, revision, createdAt } = stored;
  const savedAt = Math.max(Date.now(), stored.savedAt + 1); // also in one millisecond (1.0g)
  const record = { ...stored, ...changes, id, revision: revision + 1, createdAt, savedAt };
  for (const [token, names] of Object.entries(DEPENDENT)) {
    if (record[token] === stored[token]) continue;
    for (const name of names) record[name] = changes[name] ?? null;
  }
  return record;
}

function checkUnique(record, other) {
  const isShared = (name) => record[name] !== null && record[name] === other[name];
  let property = TOKENS.find(isShared);
  if (userOf(record) !== null && userOf(record) === userOf(other) && record.clientId === other.clientId) {
    property = "userSignature";
  }
  if (property === undefined) return;
  throw new TokenStoreError(
    "ERR_CONFLICT",
    `Another record has this ${property}: ${JSON.stringify(other.id)}. Save under its id, or delete it.`,
    { property, id: other.id },
  );
}

function checkId(id) {
  if (new OAuthToken({ id }).id !== null) return id;
  throw new TokenStoreError("ERR_INVALID_TOKEN", "The id must be a string that is not empty.", {
    property: "id",
  });
}

function checkOptions(method, options = {}) {
  for (const name of Object.keys(options)) {
    if (name === "ifRevision") continue;
    throw new TokenStoreError("ERR_INVALID_OPTIONS", `${method} has no option ${JSON.stringify(name)}.`);
  }
  if (options.ifRevision !== undefined) refuse("ifRevision");
}

function invalid(message) {
  return new TokenStoreError("ERR_INVALID_TOKEN", message);
}

function refuse(what) {
  throw new TokenStoreError("ERR_UNSUPPORTED", `ListTokenStore has no ${what}.`);
}
