import { hash } from "node:crypto";
import type { TokenFields } from "./fields.js";
import type { TokenRecord } from "./record.js";

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
 * An opaque key for some text: 43 characters of base64url (a SHA-256), the same for the same parts
 * everywhere. A value can't be read back from it.
 * @param parts what makes the key; null counts as a part of its own
 * @returns the key
 */
export function opaqueKey(...parts: readonly (string | null)[]): string {
  let text = "";
  // each part with its length in front, so that no two lists of parts make the same text
  for (const part of parts) text += part === null ? "-" : `${part.length}:${part}`;
  return hash("sha256", text, "base64url");
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

// A digest costs most of a find in memory, and a backend that stops early never needs the later ones.
class LazyLookup implements Lookup {
  readonly kind: LookupKind;
  readonly #parts: readonly (string | null)[];
  #key: string | undefined;
  constructor(kind: LookupKind, ...parts: readonly (string | null)[]) {
    this.kind = kind;
    this.#parts = parts;
  }
  get key(): string {
    this.#key ??= opaqueKey(this.kind, ...this.#parts);
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
    if (query.clientId === null) {
      lookups.push(new LazyLookup("user", query.userName));
    } else {
      lookups.push(
        new LazyLookup("userClient", query.userName, query.clientId),
        new LazyLookup("userClient", query.userName, null),
      );
    }
  }
  for (const kind of ["grantToken", "refreshToken", "accessToken"] as const) {
    const value = query[kind];
    if (value !== null) lookups.push(new LazyLookup(kind, value));
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
