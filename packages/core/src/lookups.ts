import { opaqueKey } from "./opaque-key.js";
import type { TokenFields } from "./properties.js";
import type { TokenRecord } from "./record.js";

/**
 * The index keys of a record. They are opaque: a backend compares them and nothing else. So exact comparison,
 * hostile text, long values and secrets in an index are solved once, here.
 */
export interface RecordKeys {
  /** The user together with its client, or with none. Unique. */
  readonly userClient: string | null;
  /** The grant token. Unique. */
  readonly grantToken: string | null;
  /** The refresh token. Unique. */
  readonly refreshToken: string | null;
  /** The access token. Unique. */
  readonly accessToken: string | null;
  /** The user alone. **Not** unique: a user may have a record per client. */
  readonly user: string | null;
}

/** What a {@link Lookup} goes by. */
export type LookupKind = "id" | keyof RecordKeys;

/** The kinds of key of which each belongs to one record at most. */
export const UNIQUE_KEYS: readonly ["userClient", "grantToken", "refreshToken", "accessToken"] = [
  "userClient",
  "grantToken",
  "refreshToken",
  "accessToken",
];

/** All kinds of key. */
export const KEY_KINDS: readonly (keyof RecordKeys)[] = [...UNIQUE_KEYS, "user"];

/** An exact search in one index. */
export interface Lookup {
  /** Which index. */
  readonly kind: LookupKind;
  /** The key to find there; for `id`, the id itself. */
  readonly key: string;
}

/**
 * The keys under which a record is found.
 * @param fields the record, or the fields of a token
 * @returns a key for each kind, null where the fields have no value for it
 */
export function keysOf(fields: TokenFields): RecordKeys {
  const { userName, clientId, grantToken, refreshToken, accessToken } = fields;
  return {
    userClient: userName === null ? null : opaqueKey("userClient", userName, clientId),
    grantToken: grantToken === null ? null : opaqueKey("grantToken", grantToken),
    refreshToken: refreshToken === null ? null : opaqueKey("refreshToken", refreshToken),
    accessToken: accessToken === null ? null : opaqueKey("accessToken", accessToken),
    user: userName === null ? null : opaqueKey("user", userName),
  };
}

/**
 * The lookups that find the match of a query, in their order (contract 2.2, 2.3, 2.5).
 * @param fallThrough whether an id that finds nothing gives way to the other lookups, as in a save (3.1)
 */
export function lookupsFor(query: TokenFields, fallThrough: boolean): Lookup[] {
  const lookups: Lookup[] = [];
  const { id, userName, clientId } = query;
  if (id !== null) {
    lookups.push({ kind: "id", key: id });
    if (!fallThrough) return lookups;
  }
  if (userName !== null && clientId === null) {
    lookups.push({ kind: "user", key: opaqueKey("user", userName) });
  } else if (userName !== null) {
    lookups.push(
      { kind: "userClient", key: opaqueKey("userClient", userName, clientId) },
      { kind: "userClient", key: opaqueKey("userClient", userName, null) },
    );
  }
  for (const kind of ["grantToken", "refreshToken", "accessToken"] as const) {
    const value = query[kind];
    if (value !== null) lookups.push({ kind, key: opaqueKey(kind, value) });
  }
  return lookups;
}

/** Lookups for everything that no other record may have. */
export function uniqueLookups(record: TokenRecord, keys: RecordKeys): Lookup[] {
  const lookups: Lookup[] = [{ kind: "id", key: record.id }];
  for (const kind of UNIQUE_KEYS) {
    const key = keys[kind];
    if (key !== null) lookups.push({ kind, key });
  }
  return lookups;
}
