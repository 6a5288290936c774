// The contract's rules on matching (section 2) and merging (section 3), as plain functions.
import { TokenStoreError } from "./errors.js";
import type { TokenFields } from "./fields.js";
import type { TokenRecord } from "./record.js";

/** Whether a record may answer a query: never one user's or one client's for another (2.4). */
export function isCompatible(record: TokenFields, query: TokenFields): boolean {
  return (
    (record.clientId === null || query.clientId === null || record.clientId === query.clientId) &&
    (record.userName === null || query.userName === null || record.userName === query.userName)
  );
}

/** Whether a record settles a query when it comes from the first lookup that hit (2.2, 2.3). */
export function isDecisive(record: TokenRecord, query: TokenFields): boolean {
  return record.id === query.id || isCompatible(record, query);
}

/**
 * The one record, of those that the query's lookups led to, that matches (2.2 to 2.6).
 * @param past whether to look on where the id hits nothing, as a save does (3.1)
 */
export function matchOf<R extends TokenRecord>(
  records: readonly R[],
  query: TokenFields,
  past: boolean,
): R | undefined {
  if (query.id !== null) {
    const byId = records.find((record) => record.id === query.id);
    if (byId !== undefined || !past) return byId;
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

/** The fields of a record after a save: what is given replaces, the rest stays (3.2). */
export function mergeFields(stored: TokenFields, given: TokenFields): TokenFields {
  const isNewAccessToken = given.accessToken !== null && given.accessToken !== stored.accessToken;
  return {
    id: stored.id,
    userName: given.userName ?? stored.userName,
    clientId: given.clientId ?? stored.clientId,
    clientSecret: given.clientSecret ?? stored.clientSecret,
    redirectUrl: given.redirectUrl ?? stored.redirectUrl,
    grantToken: given.grantToken ?? stored.grantToken,
    refreshToken: given.refreshToken ?? stored.refreshToken,
    accessToken: given.accessToken ?? stored.accessToken,
    expiresAt: given.expiresAt ?? (isNewAccessToken ? null : stored.expiresAt),
    apiDomain: given.apiDomain ?? stored.apiDomain,
    revision: stored.revision,
  };
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
