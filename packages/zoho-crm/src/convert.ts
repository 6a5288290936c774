import { type OAuthToken, type TokenInput, TokenStoreError } from "@tokenkeep/core";
import type { SdkToken } from "./sdk.js";

/** Makes the user of a name, of the SDK's own class. */
export type MakeUser = (name: string) => never;

/** What an SDK's token has, in our words. */
export function inputOf(token: SdkToken): TokenInput {
  const name = token.getUserSignature()?.getName();
  return {
    id: textId(token.getId()),
    userSignature: name === undefined || name === null ? null : { name },
    clientId: token.getClientId(),
    clientSecret: token.getClientSecret(),
    redirectUrl: token.getRedirectURL(),
    grantToken: token.getGrantToken(),
    refreshToken: token.getRefreshToken(),
    accessToken: token.getAccessToken(),
    expiresAt: expiryOf(token.getExpiresIn()),
    apiDomain: token.getAPIDomain(),
  };
}

/** The differences between an SDK's token and its record. What the token lacks is no change: the SDK may not know it. */
export function changesOf(record: OAuthToken, given: TokenInput): TokenInput {
  const changes: Record<string, unknown> = {};
  const { userSignature, ...rest } = given;
  const name = userSignature?.name;
  if (!isMissing(name) && name !== record.userSignature?.name) changes.userSignature = { name };
  for (const [name, value] of Object.entries(rest)) {
    if (!isMissing(value) && value !== record[name as keyof typeof rest]) changes[name] = value;
  }
  // an access token and its expiry belong together, even if the SDK left the expiry as it was
  if (changes.accessToken !== undefined && !isMissing(given.expiresAt)) changes.expiresAt = given.expiresAt;
  return changes;
}

/** An id as text: a program without types may have a number. */
export function textId<T>(id: T): T | string {
  return typeof id === "number" || typeof id === "bigint" ? String(id) : id;
}

/** Fills what is missing in an SDK's token from its record. Only an older access token is replaced. */
export function fill(token: SdkToken, record: OAuthToken, makeUser: MakeUser): void {
  const given = inputOf(token);
  const { id, userSignature, clientId, clientSecret, redirectUrl, grantToken, refreshToken, apiDomain } =
    record;
  if (isMissing(given.id) && id !== null) token.setId(id);
  if (isMissing(given.userSignature?.name) && userSignature !== null) {
    token.setUserSignature(makeUser(userSignature.name));
  }
  if (isMissing(given.clientId) && clientId !== null) token.setClientId(clientId);
  if (isMissing(given.clientSecret) && clientSecret !== null) token.setClientSecret(clientSecret);
  if (isMissing(given.redirectUrl) && redirectUrl !== null) token.setRedirectURL(redirectUrl);
  if (isMissing(given.grantToken) && grantToken !== null) token.setGrantToken(grantToken);
  if (isMissing(given.refreshToken) && refreshToken !== null) token.setRefreshToken(refreshToken);
  if (isMissing(given.apiDomain) && apiDomain !== null) token.setAPIDomain(apiDomain);
  fillAccess(token, record, given);
}

// The access token and its expiry belong together: with the other's expiry, an expired token would look valid.
function fillAccess(token: SdkToken, record: OAuthToken, given: TokenInput): void {
  const { accessToken, expiresAt } = record;
  if (accessToken === null) return;
  const isSame = given.accessToken === accessToken;
  if (isMissing(given.accessToken) || (!isSame && isNewer(record, given))) {
    token.setAccessToken(accessToken);
    // if its expiry is not known, the other token's must not stay
    if (expiresAt !== null) token.setExpiresIn(String(expiresAt));
    else if (!isMissing(given.expiresAt)) token.setExpiresIn("");
  } else if (isSame && expiresAt !== null && (isMissing(given.expiresAt) || expiresAt > given.expiresAt)) {
    token.setExpiresIn(String(expiresAt));
  }
}

/** Whether the record's access token is the one to go on with. */
function isNewer(record: OAuthToken, given: TokenInput): boolean {
  if (record.expiresAt === null) return false;
  if (!isMissing(given.expiresAt)) return record.expiresAt > given.expiresAt;
  // For example a token from a configuration: the SDK would never refresh it, since its expiry is not known. The
  // record's is better, unless it has expired and can't be refreshed.
  return record.refreshToken !== null || record.expiresAt > Date.now();
}

function isMissing<T>(value: T): value is T & (null | undefined | "") {
  return value === undefined || value === null || value === "";
}

function expiryOf(value: string | number | null | undefined): number | null {
  // NaN is what the SDK makes of a token response without expires_in
  if (isMissing(value) || Number.isNaN(value) || value === "NaN") return null;
  const time = typeof value === "string" && !/^\s*-?\d+(\.0*)?\s*$/.test(value) ? Number.NaN : Number(value);
  if (!Number.isSafeInteger(time)) {
    throw new TokenStoreError(
      "ERR_INVALID_TOKEN",
      "The token's expiresIn must be Unix milliseconds as text: String(Date.now() + seconds * 1000).",
      { property: "expiresAt" },
    );
  }
  return time;
}
