import { OAuthToken } from "@tokenkeep/core";
import type { Problem, ZohoRow } from "./columns.js";

/** One token of one or more rows. */
export interface JoinedToken {
  /** Where the first of its rows was found. */
  readonly where: string;
  /** The rows that are in it. */
  readonly rows: readonly ZohoRow[];
  /** Without an id if its row's id was another user's too. */
  readonly token: OAuthToken;
}

/** What became of the rows: each is in a token or among the problems. */
export interface Joined {
  /** In the order of their first rows. No id, token value or user with its client occurs twice. */
  readonly tokens: JoinedToken[];
  readonly problems: Problem[];
}

/** The properties by which a row finds others, the most telling first. */
const VALUES = ["grantToken", "refreshToken", "accessToken"] as const;

/**
 * Joins the rows that the SDKs' stores leave for one user and client, by the rules of a save. The newer row's values
 * win, and its gaps are filled from the older one. Newer is what expires later, if both rows say when; otherwise,
 * what is further down. A row that can't be joined is a problem that names the row it met.
 *
 * @param rows what a reader found, in the order of the file or table
 * @returns the tokens, and the rows that are in none of them
 */
export function joinRows(rows: readonly ZohoRow[]): Joined {
  const index = new Index();
  const problems: Problem[] = [];
  for (const row of rows) {
    const problem = add(index, { where: row.where, rows: [row], token: row.token });
    if (problem !== null) problems.push(problem);
  }
  return { tokens: index.tokens(), problems };
}

function add(index: Index, row: JoinedToken): Problem | null {
  const { token } = row;
  const sameId = token.id === null ? undefined : index.get(keyOf("id", token.id));
  // Two processes that save at once may be given one id by the SDKs' stores. It says nothing then, so the later row
  // gets another.
  if (sameId !== undefined && !isCompatible(sameId.token, token)) {
    return add(index, { ...row, token: token.with({ id: null }) });
  }
  const match = sameId ?? index.match(token);
  let joined = row;
  let other = match ?? index.holderOf(token);
  const absorbed: JoinedToken[] = [];
  while (other !== undefined) {
    if (match === undefined || !isCompatible(other.token, joined.token)) {
      return { where: row.where, reason: conflictWith(other, joined.token) };
    }
    joined = join(other, joined);
    absorbed.push(other);
    other = index.holderOf(joined.token, absorbed);
  }
  for (const each of absorbed) index.delete(each);
  index.set(joined);
  return null;
}

function join(first: JoinedToken, second: JoinedToken): JoinedToken {
  const [a, b] = [first.token, second.token];
  const isOlder = a.expiresAt !== null && b.expiresAt !== null && b.expiresAt < a.expiresAt;
  const [older, newer] = isOlder ? [b.toPlain(), a.toPlain()] : [a.toPlain(), b.toPlain()];
  const given = Object.fromEntries(Object.entries(newer).filter(([, value]) => value !== null));
  // an access token and its expiry belong together
  const hasOther = newer.accessToken !== null && newer.accessToken !== older.accessToken;
  const expiresAt = newer.expiresAt ?? (hasOther ? null : older.expiresAt);
  const [earlier, later] =
    numberOf(first.where) <= numberOf(second.where) ? [first, second] : [second, first];
  return {
    where: earlier.where,
    rows: [...first.rows, ...second.rows],
    token: new OAuthToken({ ...older, ...given, expiresAt, id: earlier.token.id ?? later.token.id }),
  };
}

/** Whether two tokens may be of one user and one client. */
export function isCompatible(a: OAuthToken, b: OAuthToken): boolean {
  return !differ(a.clientId, b.clientId) && !differ(a.userSignature?.name, b.userSignature?.name);
}

function differ(a: string | null | undefined, b: string | null | undefined): boolean {
  return Boolean(a && b && a !== b);
}

function conflictWith({ where, token: other }: JoinedToken, token: OAuthToken): string {
  const shared = VALUES.find((name) => token[name] !== null && token[name] === other[name]);
  const what = shared ?? "user and client";
  return `the same ${what} as ${where}, which is another user's or another client's`;
}

/** The joined tokens, found as a store finds its records. */
class Index {
  readonly #byKey = new Map<string, JoinedToken>();
  readonly #all = new Set<JoinedToken>();

  get(key: string): JoinedToken | undefined {
    return this.#byKey.get(key);
  }

  /** The token that a save of this one would update. */
  match(token: OAuthToken): JoinedToken | undefined {
    const found = matchKeys(token).map((key) => this.#byKey.get(key));
    return found.find((each) => each !== undefined && isCompatible(each.token, token));
  }

  /** A token that has something of this one's which only one record may have. */
  holderOf(token: OAuthToken, besides: readonly JoinedToken[] = []): JoinedToken | undefined {
    const found = uniqueKeys(token).map((key) => this.#byKey.get(key));
    return found.find((each) => each !== undefined && !besides.includes(each));
  }

  set(joined: JoinedToken): void {
    this.#all.add(joined);
    for (const key of [...uniqueKeys(joined.token), ...userKey(joined.token)]) this.#byKey.set(key, joined);
  }

  delete(joined: JoinedToken): void {
    this.#all.delete(joined);
    for (const key of [...uniqueKeys(joined.token), ...userKey(joined.token)]) {
      if (this.#byKey.get(key) === joined) this.#byKey.delete(key);
    }
  }

  tokens(): JoinedToken[] {
    return [...this.#all].sort((a, b) => numberOf(a.where) - numberOf(b.where));
  }
}

// `line 7`, `row 3 (id "5")`
function numberOf(where: string): number {
  return Number(/\d+/.exec(where)?.[0]);
}

/** What only one record may have. */
function uniqueKeys(token: OAuthToken): string[] {
  const keys = VALUES.flatMap((name) => (token[name] === null ? [] : [keyOf(name, token[name])]));
  if (token.id !== null) keys.push(keyOf("id", token.id));
  return [...userClientKey(token, token.clientId), ...keys];
}

/** What finds a record without an id, in the order of the contract. */
function matchKeys(token: OAuthToken): string[] {
  const values = VALUES.flatMap((name) => (token[name] === null ? [] : [keyOf(name, token[name])]));
  const byUser = token.clientId === null ? userKey(token) : userClientKey(token, token.clientId);
  return [...byUser, ...userClientKey(token, null), ...values];
}

function userClientKey(token: OAuthToken, clientId: string | null): string[] {
  const name = token.userSignature?.name;
  return name === undefined ? [] : [keyOf("userClient", name, clientId)];
}

/** The user's token that was met last, for a row without a client. */
function userKey(token: OAuthToken): string[] {
  const name = token.userSignature?.name;
  return name === undefined ? [] : [keyOf("user", name)];
}

function keyOf(...parts: (string | null)[]): string {
  return JSON.stringify(parts);
}
