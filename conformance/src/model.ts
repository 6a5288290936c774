// A second, simple implementation of sections 2 to 4: a list that is searched from end to end. Stores are compared with
// it under random sequences of calls.
import type { TokenInput } from "@tokenkeep/core";

const TOKENS = ["grantToken", "refreshToken", "accessToken"] as const;

/** What is good for one token only (3.2c, 3.2f). */
const DEPENDENT = { accessToken: ["expiresAt"], refreshToken: ["refreshTokenExpiresAt"] } as const;

/** The properties that the random calls use; what is absent is null. */
export interface ModelToken {
  userName: string | null;
  clientId: string | null;
  grantToken: string | null;
  refreshToken: string | null;
  refreshTokenExpiresAt: number | null;
  accessToken: string | null;
  expiresAt: number | null;
  apiDomain: string | null;
}

const PROPERTIES: readonly (keyof ModelToken)[] = [
  "userName",
  "clientId",
  "grantToken",
  "refreshToken",
  "refreshTokenExpiresAt",
  "accessToken",
  "expiresAt",
  "apiDomain",
];

/** A record, and the number of its last save. */
export interface ModelRecord extends ModelToken {
  id: string;
  revision: number;
  savedBy: number;
}

/** The result of a save: a record, or the code of an error. */
export type Saved = ModelRecord | "ERR_CONFLICT" | "ERR_INVALID_TOKEN";

/** The properties of a token as the model has them: null if they are not given. */
export function modelToken(token: TokenInput): ModelToken {
  return {
    userName: token.userSignature?.name || null,
    clientId: token.clientId || null,
    grantToken: token.grantToken || null,
    refreshToken: token.refreshToken || null,
    refreshTokenExpiresAt: token.refreshTokenExpiresAt ?? null,
    accessToken: token.accessToken || null,
    expiresAt: token.expiresAt ?? null,
    apiDomain: token.apiDomain || null,
  };
}

/** The same record as a store would return it, without the times of its saves. */
export function storedToken({ userName, savedBy: _, ...record }: ModelRecord): TokenInput {
  return { ...record, userSignature: userName === null ? null : { name: userName } };
}

/** The records of a store, oldest first. */
export class Model {
  records: ModelRecord[] = [];
  #saves = 0;

  byId(id: string): ModelRecord | undefined {
    return this.records.find((record) => record.id === id);
  }

  /** The record that matches. No two saves are in the same millisecond. */
  find(query: TokenInput): ModelRecord | undefined {
    return query.id ? this.byId(query.id) : this.#match(modelToken(query));
  }

  #match(query: ModelToken): ModelRecord | undefined {
    const compatible = this.records.filter(
      (record) => mayBeSame(record.clientId, query.clientId) && mayBeSame(record.userName, query.userName),
    );
    const ofUser = compatible.filter(
      (record) => query.userName !== null && record.userName === query.userName,
    );
    if (query.clientId !== null) {
      const own = ofUser.find((record) => record.clientId === query.clientId) ?? ofUser[0];
      if (own !== undefined) return own;
    } else if (ofUser.length > 0) {
      return ofUser.sort((one, other) => other.savedBy - one.savedBy)[0];
    }
    for (const kind of TOKENS) {
      const hit = compatible.find((record) => query[kind] !== null && record[kind] === query[kind]);
      if (hit !== undefined) return hit;
    }
    return undefined;
  }

  /**
   * Saves plain properties.
   * @param chosen the id that the store made for a new record
   * @param ifRevision the condition (3.6), if there is one
   */
  save(token: TokenInput, chosen: string, ifRevision?: number): Saved {
    const given = modelToken(token);
    const changes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
    return this.#save(token.id || null, given, changes, chosen, ifRevision);
  }

  /**
   * Saves a copy of `base` with other properties: only what differs counts (3.7).
   * @param chosen as in {@link Model.save}
   * @param ifRevision as in {@link Model.save}
   */
  saveCopy(base: ModelRecord, changes: TokenInput, chosen: string, ifRevision?: number): Saved {
    const copy = change(base, changesOf(changes));
    const differing: Partial<ModelToken> = {};
    for (const name of PROPERTIES) if (copy[name] !== base[name]) set(differing, name, copy[name]);
    for (const token of ["accessToken", "refreshToken"] as const) {
      if (!(token in differing)) continue;
      for (const name of DEPENDENT[token]) set(differing, name, copy[name]);
    }
    return this.#save(base.id, copy, differing, chosen, ifRevision);
  }

  #save(
    id: string | null,
    token: ModelToken,
    changes: Partial<ModelToken>,
    chosen: string,
    ifRevision: number | undefined,
  ): Saved {
    const match = (id === null ? undefined : this.byId(id)) ?? this.#match(token);
    if (ifRevision !== undefined && ifRevision !== (match?.revision ?? 0)) return "ERR_CONFLICT";
    const next: ModelRecord = {
      ...(match === undefined ? { ...token, id: id ?? chosen, revision: 0 } : change(match, changes)),
      savedBy: 0,
    };
    if (TOKENS.every((kind) => next[kind] === null)) return "ERR_INVALID_TOKEN";
    if (this.records.some((record) => record !== match && clashes(record, next))) return "ERR_CONFLICT";
    next.revision++;
    next.savedBy = ++this.#saves;
    if (match === undefined) this.records.push(next);
    else this.records[this.records.indexOf(match)] = next;
    return next;
  }

  delete(id: string): void {
    this.records = this.records.filter((record) => record.id !== id);
  }
}

/** What `with(changes)` changes: `null` and `""` remove, `undefined` leaves. */
function changesOf(changes: TokenInput): Partial<ModelToken> {
  const values = modelToken(changes);
  const isGiven = (name: keyof ModelToken): boolean =>
    (name === "userName" ? changes.userSignature : changes[name]) !== undefined;
  return Object.fromEntries(PROPERTIES.filter(isGiven).map((name) => [name, values[name]]));
}

function change(record: ModelRecord, changes: Partial<ModelToken>): ModelRecord {
  const next = { ...record, ...changes };
  for (const token of ["accessToken", "refreshToken"] as const) {
    if (next[token] === record[token]) continue;
    for (const name of DEPENDENT[token]) if (!(name in changes)) next[name] = null;
  }
  return next;
}

function set<Name extends keyof ModelToken>(
  target: Partial<ModelToken>,
  name: Name,
  value: ModelToken[Name],
): void {
  target[name] = value;
}

function mayBeSame(one: string | null, other: string | null): boolean {
  return one === null || other === null || one === other;
}

function clashes(one: ModelRecord, other: ModelRecord): boolean {
  const isSameUser =
    one.userName !== null && one.userName === other.userName && one.clientId === other.clientId;
  return (
    one.id === other.id ||
    isSameUser ||
    TOKENS.some((kind) => one[kind] !== null && one[kind] === other[kind])
  );
}
