// The contract of sections 2 to 4 once more, as plainly as it can be said, and on its own: a store is compared
// with it under sequences of calls that nobody thought of. A list, looked through from end to end.
import type { PlainToken, TokenInput } from "@tokenkeep/core";

const TOKENS = ["grantToken", "refreshToken", "accessToken"] as const;
const MERGED = [...TOKENS, "clientId", "clientSecret", "redirectUrl", "apiDomain"] as const;

/** A record, with the number of the save that made it last. */
export interface ModelRecord extends PlainToken {
  id: string;
  revision: number;
  savedBy: number;
}

/** What a save comes to: a record, or the code of an error. */
export type Saved = ModelRecord | "ERR_CONFLICT" | "ERR_INVALID_TOKEN";

/** The records of a store, oldest first. */
export class Model {
  records: ModelRecord[] = [];
  #saves = 0;

  byId(id: string): ModelRecord | undefined {
    return this.records.find((record) => record.id === id);
  }

  /** The record that matches. No two saves are of the same millisecond. */
  find(query: TokenInput): ModelRecord | undefined {
    return query.id ? this.byId(query.id) : this.#match(query);
  }

  #match(query: TokenInput): ModelRecord | undefined {
    const compatible = this.records.filter(
      (record) =>
        (!query.clientId || record.clientId === null || record.clientId === query.clientId) &&
        (!nameOf(query) || record.userSignature === null || nameOf(record) === nameOf(query)),
    );
    const ofUser = nameOf(query) ? compatible.filter((record) => nameOf(record) === nameOf(query)) : [];
    if (query.clientId) {
      const own = ofUser.find((record) => record.clientId === query.clientId) ?? ofUser[0];
      if (own !== undefined) return own;
    } else if (ofUser.length > 0) {
      return ofUser.sort((one, other) => other.savedBy - one.savedBy)[0];
    }
    for (const kind of TOKENS) {
      const hit = compatible.find((record) => query[kind] && record[kind] === query[kind]);
      if (hit !== undefined) return hit;
    }
    return undefined;
  }

  /** @param chosen the id that the store gave to a record it made */
  save(token: TokenInput, chosen: string): Saved {
    const byId = token.id ? this.byId(token.id) : undefined;
    const match = byId ?? this.#match(token);
    if (match === undefined && !TOKENS.some((kind) => token[kind])) return "ERR_INVALID_TOKEN";
    const next = merge(match, token, chosen);
    if (this.records.some((record) => record !== match && clashes(record, next))) return "ERR_CONFLICT";
    next.savedBy = ++this.#saves;
    if (match === undefined) this.records.push(next);
    else this.records[this.records.indexOf(match)] = next;
    return next;
  }

  delete(id: string): void {
    this.records = this.records.filter((record) => record.id !== id);
  }
}

function merge(match: ModelRecord | undefined, token: TokenInput, chosen: string): ModelRecord {
  const next: ModelRecord = {
    id: match?.id ?? (token.id || chosen),
    userSignature: nameOf(token) ? { name: nameOf(token) } : (match?.userSignature ?? null),
    clientId: null,
    clientSecret: null,
    redirectUrl: null,
    grantToken: null,
    refreshToken: null,
    accessToken: null,
    expiresAt: token.expiresAt ?? match?.expiresAt ?? null,
    apiDomain: null,
    revision: (match?.revision ?? 0) + 1,
    savedBy: 0,
  };
  for (const property of MERGED) next[property] = token[property] || (match?.[property] ?? null);
  const isNew = match !== undefined && next.accessToken !== match.accessToken;
  if (isNew && (token.expiresAt ?? null) === null) next.expiresAt = null;
  return next;
}

function clashes(one: ModelRecord, other: ModelRecord): boolean {
  const isSameUser = nameOf(one) !== "" && nameOf(one) === nameOf(other) && one.clientId === other.clientId;
  return (
    one.id === other.id ||
    isSameUser ||
    TOKENS.some((kind) => one[kind] !== null && one[kind] === other[kind])
  );
}

function nameOf(token: TokenInput): string {
  return token.userSignature?.name ?? "";
}
