import { OAuthToken, TokenStoreError } from "@tokenkeep/core";

// A token is a row: an array of these, then the number of its last save.
const COLUMNS = [
  "id",
  "userName",
  "clientId",
  "clientSecret",
  "redirectUrl",
  "grantToken",
  "refreshToken",
  "accessToken",
  "expiresAt",
  "apiDomain",
  "revision",
];
const [ID, USER, CLIENT, , , GRANT, REFRESH, ACCESS, EXPIRES, , REVISION] = COLUMNS.keys();
const SAVED = COLUMNS.length;

/** Tokens in a list, in the order in which they were first saved. Gone when the process ends. */
export class ListTokenStore {
  capabilities = Object.freeze({
    durable: false,
    shared: false,
    revisions: false,
    locks: false,
    namespaces: false,
    iteration: false,
  });
  #rows = [];
  #saves = 0;
  #isClosed = false;

  async findToken(query) {
    this.#checkOpen();
    const wanted = rowOf(query);
    return tokenOf(wanted[ID] === null ? this.#match(wanted) : this.#byId(wanted[ID]));
  }

  async findTokenById(id) {
    this.#checkOpen();
    return tokenOf(this.#byId(checkId(id)));
  }

  // nothing is awaited in here, so that nothing comes between the look and the write
  async saveToken(token, { ifRevision } = {}) {
    this.#checkOpen();
    if (ifRevision !== undefined) refuse("ifRevision");
    const given = rowOf(token);
    const stored = this.#byId(given[ID]) ?? this.#match(given);
    const row = stored === undefined ? newRow(given) : merge(stored, given);
    this.#checkUnique(row, stored);
    row[SAVED] = ++this.#saves;
    if (stored === undefined) this.#rows.push(row);
    else this.#rows[this.#rows.indexOf(stored)] = row;
    return tokenOf(row);
  }

  async deleteToken(id) {
    this.#checkOpen();
    checkId(id);
    this.#rows = this.#rows.filter((row) => row[ID] !== id);
  }

  async deleteTokens() {
    this.#checkOpen();
    this.#rows = [];
  }

  async getTokens() {
    this.#checkOpen();
    return this.#rows.map(tokenOf);
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
    return this.#rows.find((row) => row[ID] === id);
  }

  /** By user, then by each token: of what may answer at all. */
  #match(wanted) {
    const candidates = this.#rows.filter((row) => agree(row, wanted, USER) && agree(row, wanted, CLIENT));
    if (wanted[USER] !== null) {
      const ofUser = candidates.filter((row) => row[USER] === wanted[USER]);
      // the record of the client asked for before one of no client; without a client, the one saved last
      const isAsked = (row) => wanted[CLIENT] !== null && row[CLIENT] !== null;
      ofUser.sort((a, b) => Number(isAsked(b)) - Number(isAsked(a)) || b[SAVED] - a[SAVED]);
      if (ofUser.length > 0) return ofUser[0];
    }
    for (const column of [GRANT, REFRESH, ACCESS]) {
      const found = wanted[column] !== null && candidates.find((row) => row[column] === wanted[column]);
      if (found) return found;
    }
    return undefined;
  }

  #checkUnique(row, stored) {
    for (const other of this.#rows) {
      if (other === stored) continue;
      const same = (column) => row[column] !== null && row[column] === other[column];
      let taken = [GRANT, REFRESH, ACCESS].find(same);
      if (same(USER) && row[CLIENT] === other[CLIENT]) taken = USER;
      if (taken === undefined) continue;
      const property = taken === USER ? "userSignature" : COLUMNS[taken];
      throw new TokenStoreError(
        "ERR_CONFLICT",
        `Another record has this ${property}: ${JSON.stringify(other[ID])}. Save under its id, or delete it.`,
        { property, id: other[ID] },
      );
    }
  }

  #checkOpen() {
    if (this.#isClosed) throw new TokenStoreError("ERR_STORE_CLOSED", "The store is closed. Make a new one.");
  }
}

/** Two rows contradict each other where both have a value and the values differ. */
function agree(row, wanted, column) {
  return row[column] === null || wanted[column] === null || row[column] === wanted[column];
}

function newRow(given) {
  if (given[GRANT] === null && given[REFRESH] === null && given[ACCESS] === null) {
    throw new TokenStoreError(
      "ERR_INVALID_TOKEN",
      "A new record needs a grantToken, a refreshToken or an accessToken.",
    );
  }
  const row = [...given];
  row[ID] ??= crypto.randomUUID();
  row[REVISION] = 1;
  return row;
}

function merge(stored, given) {
  const row = COLUMNS.map((_, column) => given[column] ?? stored[column]);
  row[ID] = stored[ID];
  row[REVISION] = stored[REVISION] + 1;
  // a new access token does not live as long as the old one
  if (row[ACCESS] !== stored[ACCESS]) row[EXPIRES] = given[EXPIRES];
  return row;
}

/** `OAuthToken` checks what a caller gives, and makes what is missing `null`. */
function rowOf(token) {
  // without an argument at all it would be an empty token
  const plain = new OAuthToken(token ?? null).toPlain();
  return COLUMNS.map((column) =>
    column === "userName" ? (plain.userSignature?.name ?? null) : plain[column],
  );
}

function tokenOf(row) {
  if (row === undefined) return null;
  const { userName, ...plain } = Object.fromEntries(COLUMNS.map((column, index) => [column, row[index]]));
  return new OAuthToken({ ...plain, userSignature: userName === null ? null : { name: userName } });
}

function checkId(id) {
  if (new OAuthToken({ id }).id === null) {
    throw new TokenStoreError("ERR_INVALID_TOKEN", "The id must be a string that is not empty.", {
      property: "id",
    });
  }
  return id;
}

function refuse(what) {
  throw new TokenStoreError("ERR_UNSUPPORTED", `ListTokenStore has no ${what}.`);
}
