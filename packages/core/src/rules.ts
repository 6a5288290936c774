// The contract's rules on matching (section 2) and merging (section 3), as plain functions.

import type { GivenFields } from "./checks.js";
import { TokenStoreError } from "./errors.js";
import { FIELD_NAMES, type FieldName, type TokenFields } from "./properties.js";
import type { TokenRecord } from "./record.js";
import { BELONGS_TO } from "./token.js";

/** Whether a record may answer a query: never one user's or one client's for another (2.4). */
export function isCompatible(record: TokenFields, query: TokenFields): boolean {
  return (
    (record.clientId === null || query.clientId === null || record.clientId === query.clientId) &&
    (record.userName === null || query.userName === null || record.userName === query.userName)
  );
}

/**
 * The one record that matches, of those that the query's lookups found (2.2 to 2.6).
 * @param fallThrough whether an id that finds nothing gives way to the other lookups, as in a save (3.1)
 */
export function matchOf<R extends TokenRecord>(
  records: readonly R[],
  query: TokenFields,
  fallThrough: boolean,
): R | undefined {
  if (query.id !== null) {
    const byId = records.find((record) => record.id === query.id);
    if (byId !== undefined || !fallThrough) return byId;
  }
  const compatible = records.filter((record) => isCompatible(record, query));
  if (query.userName !== null) {
    let best: R | undefined;
    for (const record of compatible) {
      if (record.userName !== query.userName) continue;
      if (best === undefined || isPreferred(record, best, query)) best = record;
    }
    if (best !== undefined) return best;
  }
  for (const kind of ["grantToken", "refreshToken", "accessToken"] as const) {
    const value = query[kind];
    if (value === null) continue;
    const found = compatible.find((record) => record[kind] === value);
    if (found !== undefined) return found;
  }
  return undefined;
}

// 2.5: the query's client before none; without a client in the query, the one saved last
function isPreferred(record: TokenRecord, other: TokenRecord, query: TokenFields): boolean {
  if (query.clientId !== null) return record.clientId !== null && other.clientId === null;
  return record.savedAt > other.savedAt;
}

/**
 * What a changed copy changes (3.7): the properties that differ from the version it is a copy of.
 * @param isToken whether it is an OAuthToken, of which each property was meant, and not the spread of one
 */
export function changesOf(given: GivenFields, base: TokenRecord, isToken: boolean): GivenFields {
  const changes: { [name in FieldName]?: string | number | null } = {};
  for (const name of FIELD_NAMES) {
    const value = given[name];
    if (value !== undefined && value !== base[name]) changes[name] = value;
  }
  if (isToken) {
    // `with()` has set these already where they were not given. A new token may have the old one's expiry.
    for (const token of ["accessToken", "refreshToken"] as const) {
      if (changes[token] === undefined) continue;
      for (const name of BELONGS_TO[token]) changes[name] = given[name] ?? null;
    }
  }
  return changes as GivenFields;
}

/** What plain properties give: there, `null` and `""` mean "not given" (1.1c). */
export function withoutNulls(given: GivenFields): GivenFields {
  const present: { [name in FieldName]?: string | number } = {};
  for (const name of FIELD_NAMES) {
    const value = given[name];
    if (value !== undefined && value !== null) present[name] = value;
  }
  return present as GivenFields;
}

/** Whether there is a token to keep at all (3.3). */
export function hasToken(fields: TokenFields): boolean {
  return fields.grantToken !== null || fields.refreshToken !== null || fields.accessToken !== null;
}

/** The property that two records may not share and do (3.4), as the caller knows it. */
export function sharedProperty(record: TokenFields, other: TokenFields): string | undefined {
  if (record.id === other.id) return "id";
  if (record.userName !== null && record.userName === other.userName && record.clientId === other.clientId) {
    return "userSignature";
  }
  return (["grantToken", "refreshToken", "accessToken"] as const).find(
    (kind) => record[kind] !== null && record[kind] === other[kind],
  );
}

/** The error for a value that another record has (3.4). */
export function takenError(property: string, id: string): TokenStoreError {
  const what = property === "userSignature" ? "user, with this client," : property;
  return new TokenStoreError(
    "ERR_CONFLICT",
    `This ${what} belongs to another record already, ${JSON.stringify(id)}. Nothing was saved. ` +
      "Save under that record's id, or delete it first.",
    { property, id },
  );
}
