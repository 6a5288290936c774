import type { TokenFields } from "./fields.js";
import { opaqueKey } from "./opaque-key.js";
import type { TokenRecord } from "./record.js";
import { UserKeys } from "./user-keys.js";

/**
 * The keys that lead to a record. Opaque: a backend compares them and nothing else, so that exact
 * comparison, hostile text, long values and secrets in index names are one question with one answer.
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

/** One way to a record: `key` as it stands in the index of that kind (for `id`, the id itself). */
export interface Lookup {
  /** Which index to look in. */
  readonly kind: LookupKind;
  /** What to look for there. */
  readonly key: string;
}

/**
 * The keys under which a record is found.
 * @param fields the record, or the fields of a token
 * @returns a key for each kind, null where the fields have no value for it
 */
export function keysOf(fields: TokenFields): RecordKeys {
  const { userName, clientId, grantToken, refreshToken, accessToken } = fields;
  const ofUser = userName === null ? null : UserKeys.of(userName);
  return {
    userClient: ofUser === null ? null : ofUser.userClient(clientId),
    grantToken: grantToken === null ? null : opaqueKey("grantToken", grantToken),
    refreshToken: refreshToken === null ? null : opaqueKey("refreshToken", refreshToken),
    accessToken: accessToken === null ? null : opaqueKey("accessToken", accessToken),
    user: ofUser === null ? null : ofUser.user,
  };
}

// A backend that stops early never needs the later digests.
class LazyLookup implements Lookup {
  readonly kind: LookupKind;
  readonly #make: () => string;
  #key: string | undefined;
  constructor(kind: LookupKind, make: () => string) {
    this.kind = kind;
    this.#make = make;
  }
  get key(): string {
    this.#key ??= this.#make();
    return this.#key;
  }
}

/**
 * Where to look for the match of a query, first things first (contract 2.2, 2.3, 2.5).
 * @param past whether to look on where the id hits nothing, as a save does (3.1)
 */
export function lookupsFor(query: TokenFields, past: boolean): Lookup[] {
  const lookups: Lookup[] = [];
  if (query.id !== null) {
    lookups.push({ kind: "id", key: query.id });
    if (!past) return lookups;
  }
  if (query.userName !== null) {
    const ofUser = UserKeys.of(query.userName);
    if (query.clientId === null) {
      lookups.push({ kind: "user", key: ofUser.user });
    } else {
      lookups.push(
        { kind: "userClient", key: ofUser.userClient(query.clientId) },
        new LazyLookup("userClient", () => ofUser.userClient(null)),
      );
    }
  }
  for (const kind of ["grantToken", "refreshToken", "accessToken"] as const) {
    const value = query[kind];
    if (value !== null) lookups.push(new LazyLookup(kind, () => opaqueKey(kind, value)));
  }
  return lookups;
}

/** Everything of a record that can belong to one record only. */
export function uniqueLookups(record: TokenRecord, keys: RecordKeys): Lookup[] {
  const lookups: Lookup[] = [{ kind: "id", key: record.id }];
  for (const kind of UNIQUE_KEYS) {
    const key = keys[kind];
    if (key !== null) lookups.push({ kind, key });
  }
  return lookups;
}
