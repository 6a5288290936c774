import { isTokenStoreError, OAuthToken, TokenStoreError } from "@tokenkeep/core";

/** A row that was not imported, and why. No secret is ever shown. */
export interface Problem {
  /** `line 7`, or `row 3 (id "5")`. Lines and rows count from 1; the header is line 1. */
  readonly where: string;
  /** What is wrong, in words. */
  readonly reason: string;
}

/** A token that was read, and where it was found. */
export interface ZohoRow {
  /** As in {@link Problem}. */
  readonly where: string;
  /** The token of this row. */
  readonly token: OAuthToken;
}

/** What a reader found. Every row that is not blank is in exactly one of the two lists. */
export interface Rows {
  readonly rows: ZohoRow[];
  readonly problems: Problem[];
}

/** The OAuth client of rows that name none, as those of the SDKs before 2020. */
export interface ZohoClient {
  /** The client's identifier, from Zoho's API console. */
  readonly clientId?: string | undefined;
  /** The client's secret. Without it the tokens can be kept, but not refreshed. */
  readonly clientSecret?: string | undefined;
}

type TextProperty =
  | "id"
  | "userName"
  | "clientId"
  | "clientSecret"
  | "refreshToken"
  | "accessToken"
  | "grantToken"
  | "redirectUrl"
  | "apiDomain";

/** The columns that Zoho's SDKs wrote, in any language and version. */
export const ZOHO_COLUMNS: ReadonlyMap<string, TextProperty | "expiresAt"> = new Map([
  ["id", "id"],
  ["user_name", "userName"],
  ["user_mail", "userName"],
  ["client_id", "clientId"],
  ["client_secret", "clientSecret"],
  ["refresh_token", "refreshToken"],
  ["access_token", "accessToken"],
  ["grant_token", "grantToken"],
  ["expiry_time", "expiresAt"],
  ["redirect_url", "redirectUrl"],
  ["redirect_uri", "redirectUrl"],
  ["api_domain", "apiDomain"],
  // the SDKs before 2020
  ["useridentifier", "userName"],
  ["refreshtoken", "refreshToken"],
  ["accesstoken", "accessToken"],
  ["expirytime", "expiresAt"],
]);

/**
 * Reads one row.
 * @param values the row's columns and values; other columns than Zoho's are ignored
 * @param client completes a row that names no client
 * @returns the token, or what is wrong with the row: nothing is guessed
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` for a row of an SDK before 2020 when no client is given
 */
export function tokenOfRow(
  values: Iterable<readonly [string, unknown]>,
  client: ZohoClient = {},
): OAuthToken | string {
  const found: Partial<Record<TextProperty, string>> = {};
  let expiresAt: number | null = null;
  let isOld = false;
  for (const [name, value] of values) {
    const column = name.toLowerCase();
    const property = ZOHO_COLUMNS.get(column);
    if (property === undefined || isAbsent(value)) continue;
    if (column === "refreshtoken" || column === "accesstoken") isOld = true;
    if (property === "expiresAt") {
      const time = expiryOf(value);
      if (time === undefined) return `${column} is not a time in Unix milliseconds`;
      expiresAt = time;
      continue;
    }
    const text = textOf(value);
    if (text === undefined) return `${column} is not text`;
    const before = found[property];
    if (before !== undefined && before !== text) return `two columns for ${property}, with different values`;
    found[property] = text;
  }
  if (!found.refreshToken && !found.accessToken && !found.grantToken) {
    return "it has no grant token, no refresh token and no access token";
  }
  if (isOld && !found.clientId && !client.clientId) throw clientNeeded();
  const { userName, ...rest } = found;
  if (rest.clientId === undefined && client.clientId) rest.clientId = client.clientId;
  // a secret belongs to its client
  if (rest.clientSecret === undefined && client.clientSecret && rest.clientId === client.clientId) {
    rest.clientSecret = client.clientSecret;
  }
  try {
    return new OAuthToken({ ...rest, userSignature: userName ? { name: userName } : null, expiresAt });
  } catch (error) {
    if (isTokenStoreError(error)) return error.message; // names the property, never its value
    throw error;
  }
}

// Several SDKs wrote the word for an absent value: TypeScript's and Node.js's 1.x into `grant_token`, Scala's into
// every column. No token, user, URL or time is called so.
function isAbsent(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === "string" && ["", "null", "undefined"].includes(value.trim());
}

// A table of one's own may have numbers where the SDK's has text.
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return String(value);
  return undefined;
}

/** @returns milliseconds; null when the SDK did not know; undefined when it is no time */
function expiryOf(value: unknown): number | null | undefined {
  const text = textOf(value)?.trim();
  if (text === undefined) return undefined;
  // what the SDKs write after a token response without expires_in
  if (text === "NaN" || text === "") return null;
  const time = /^-?\d{1,16}(\.0+)?$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(time) ? time : undefined;
}

function clientNeeded(): TokenStoreError {
  return new TokenStoreError(
    "ERR_INVALID_OPTIONS",
    "These tokens were written by a Zoho SDK before 2020, which kept no client id. Pass the client that they " +
      "belong to: { clientId, clientSecret }, from Zoho's API console. Nothing was imported.",
  );
}
