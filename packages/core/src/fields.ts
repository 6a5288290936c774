import { TokenStoreError } from "./errors.js";

/** A token's properties, flat. What is absent is `null`. */
export interface TokenFields {
  /** Unique in the store; up to 255 bytes of UTF-8. */
  readonly id: string | null;
  /** The name of the user that the token acts for: `userSignature.name`. */
  readonly userName: string | null;
  /** The OAuth client's identifier (RFC 6749, section 2.2). */
  readonly clientId: string | null;
  /** The OAuth client's secret (RFC 6749, section 2.3.1). */
  readonly clientSecret: string | null;
  /** The client's redirect URI (RFC 6749, section 3.1.2). */
  readonly redirectUrl: string | null;
  /** The authorization code (RFC 6749, section 4.1.2). */
  readonly grantToken: string | null;
  /** The refresh token (RFC 6749, section 1.5). */
  readonly refreshToken: string | null;
  /** The access token (RFC 6749, section 1.4). */
  readonly accessToken: string | null;
  /** When the access token ends, in Unix milliseconds. */
  readonly expiresAt: number | null;
  /** The base URL of the API that the token is good for. */
  readonly apiDomain: string | null;
  /** 1 on insert, one more on each save. */
  readonly revision: number | null;
}

/** The longest string property, in bytes of UTF-8. */
export const MAX_STRING_BYTES = 65_536;
/** The longest id, in bytes of UTF-8. */
export const MAX_ID_BYTES = 255;

const KNOWN = new Set([
  "id",
  "userSignature",
  "clientId",
  "clientSecret",
  "redirectUrl",
  "grantToken",
  "refreshToken",
  "accessToken",
  "expiresAt",
  "apiDomain",
  "revision",
]);

type Input = Readonly<Record<string, unknown>>;

/**
 * Checks plain properties and makes them fields: what is not given becomes `null`.
 * Messages name the property, never its value.
 * @throws TokenStoreError `ERR_INVALID_TOKEN`
 */
export function checkFields(input: unknown): TokenFields {
  if (!isPlainObject(input)) {
    throw invalid(
      `A token must be an OAuthToken or a plain object of its properties, not ${typeName(input)}.`,
      undefined,
    );
  }
  const token = input;
  for (const property in token) {
    if (!KNOWN.has(property)) throw unknown(property);
  }
  return {
    id: checkString("id", token.id, MAX_ID_BYTES),
    userName: checkUser(token.userSignature),
    clientId: checkString("clientId", token.clientId),
    clientSecret: checkString("clientSecret", token.clientSecret),
    redirectUrl: checkString("redirectUrl", token.redirectUrl),
    grantToken: checkString("grantToken", token.grantToken),
    refreshToken: checkString("refreshToken", token.refreshToken),
    accessToken: checkString("accessToken", token.accessToken),
    expiresAt: checkInteger("expiresAt", token.expiresAt, "Unix milliseconds"),
    apiDomain: checkString("apiDomain", token.apiDomain),
    revision: checkInteger("revision", token.revision, "1 or more", 1),
  };
}

/** Checks an id that has to be there. @throws TokenStoreError `ERR_INVALID_TOKEN` */
export function checkId(id: unknown): string {
  const checked = checkString("id", id, MAX_ID_BYTES);
  if (checked === null) throw invalid("The id must be a string that is not empty.", "id");
  return checked;
}

/** Checks the key of a lock. @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkLockKey(key: unknown): void {
  if (typeof key !== "string" || key === "" || !key.isWellFormed()) {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      "The key of a lock must be a well-formed string that is not empty.",
    );
  }
}

function checkString(property: string, value: unknown, maxBytes: number = MAX_STRING_BYTES): string | null {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value !== "string") {
    throw invalid(`${property} must be a string, not ${typeName(value)}.`, property);
  }
  // a UTF-16 unit is at most 3 bytes of UTF-8, so most strings need no counting
  if (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes) {
    throw invalid(`${property} is longer than ${maxBytes} bytes of UTF-8.`, property);
  }
  if (!value.isWellFormed()) {
    throw invalid(`${property} has a lone surrogate: it is not well-formed Unicode.`, property);
  }
  return value;
}

function checkUser(user: unknown): string | null {
  if (user === undefined || user === null) return null;
  if (typeof user !== "object") {
    throw invalid(`userSignature must be an object { name }, not ${typeName(user)}.`, "userSignature");
  }
  // Zoho's own UserSignature hides its name behind getName(): taken for "no user", it would find another's
  if (!("name" in user)) throw invalid("userSignature must be an object { name }.", "userSignature");
  for (const property in user) {
    if (property !== "name") throw unknown(`userSignature.${property}`);
  }
  return checkString("userSignature.name", (user as Input).name);
}

function checkInteger(
  property: string,
  value: unknown,
  unit: string,
  min: number = Number.MIN_SAFE_INTEGER,
): number | null {
  if (value === undefined || value === null || value === "") return null;
  if (!Number.isSafeInteger(value) || (value as number) < min) {
    throw invalid(`${property} must be a safe integer (${unit}).`, property);
  }
  return value === 0 ? 0 : (value as number); // -0 is 0
}

function unknown(property: string): TokenStoreError {
  const shown = property.length > 64 ? `${property.slice(0, 64)}…` : property;
  const hint =
    property === "expiresIn"
      ? " expiresIn is a lifetime in seconds: give expiresAt, Date.now() + expiresIn * 1000."
      : ` A token has ${[...KNOWN].join(", ")}.`;
  return invalid(`Unknown property ${JSON.stringify(shown)}.${hint}`, shown);
}

function invalid(message: string, property: string | undefined): TokenStoreError {
  return new TokenStoreError("ERR_INVALID_TOKEN", message, property === undefined ? {} : { property });
}

// An instance of some other class may hide its properties behind getters, and would pass for an empty
// token. An object of another realm (a test runner's, say) is as plain as ours.
function isPlainObject(value: unknown): value is Input {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an instance of another class" : typeof value;
}
