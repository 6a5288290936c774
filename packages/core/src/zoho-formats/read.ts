import { isTokenStoreError } from "../errors.js";
import { hasToken } from "../rules.js";
import { fieldsOf, OAuthToken } from "../token.js";

/** Something that was not taken over, and why. No secret is ever shown. */
export interface Problem {
  /** `line 7`, or `row 3 (id "5")`. Lines and rows count from 1; the header is line 1. */
  readonly where: string;
  /** What is wrong, in words. */
  readonly reason: string;
}

/** A token that was read, and where it stood. */
export interface ReadRow {
  /** As in {@link Problem}. */
  readonly where: string;
  /** What stood there. */
  readonly token: OAuthToken;
}

/** What a reader found: every line with something on it is in one list or the other. */
export interface ZohoRead {
  /** The tokens, in the order in which they stood. */
  readonly rows: ReadRow[];
  /** What could not be read. */
  readonly problems: Problem[];
}

type StringProperty =
  | "id"
  | "userName"
  | "clientId"
  | "clientSecret"
  | "refreshToken"
  | "accessToken"
  | "grantToken"
  | "redirectUrl"
  | "apiDomain";

/** The columns that Zoho's SDKs wrote, in any language and version, and what they mean. */
export const ZOHO_COLUMNS: ReadonlyMap<string, StringProperty | "expiresAt"> = new Map([
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
]);

/**
 * The token of one row, or what is wrong with it: never a guess.
 * @param values the row's columns and values; columns that are not Zoho's are passed over
 */
export function tokenOfRow(values: Iterable<readonly [string, unknown]>): OAuthToken | string {
  const found: Partial<Record<StringProperty, string>> = {};
  let expiresAt: number | null = null;
  for (const [column, value] of values) {
    const property = ZOHO_COLUMNS.get(column);
    if (property === undefined || value === null || value === undefined || value === "") continue;
    if (property === "expiresAt") {
      const time = expiryOf(value);
      if (time === undefined) return "expiry_time is not a time in Unix milliseconds";
      expiresAt = time;
      continue;
    }
    const text = textOf(value);
    if (text === undefined) return `${column} is not text`;
    const before = found[property];
    if (before !== undefined && before !== text) {
      return `two columns for ${property}, with different values`;
    }
    found[property] = text;
  }
  const { userName, ...rest } = found;
  const userSignature = userName === undefined ? null : { name: userName };
  try {
    const token = new OAuthToken({ ...rest, userSignature, expiresAt });
    if (hasToken(fieldsOf(token))) return token;
    return "it has no grant token, no refresh token and no access token";
  } catch (error) {
    if (isTokenStoreError(error)) return error.message; // names the property, never its value
    throw error;
  }
}

// A table of one's own may have numbers where the SDK's has text.
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return String(value);
  return undefined;
}

/** @returns milliseconds; null where the SDK did not know; undefined where it is something else */
function expiryOf(value: unknown): number | null | undefined {
  const text = textOf(value)?.trim();
  if (text === undefined) return undefined;
  // what the SDKs write after a token response without expires_in
  if (text === "NaN" || text === "") return null;
  const time = /^-?\d{1,16}(\.0+)?$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(time) ? time : undefined;
}
