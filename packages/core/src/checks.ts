import { TokenStoreError } from "./errors.js";
import { FIELDS, type FieldName, MASK, type TokenFields } from "./properties.js";

/**
 * The fields that a caller gave. `undefined` is not given; `null` is given as absent (`null` or `""`), which
 * removes a property in a changed copy and means nothing anywhere else.
 */
export type GivenFields = { readonly [K in FieldName]?: TokenFields[K] | undefined };

/** The longest id, in bytes of UTF-8. */
const MAX_ID_BYTES = FIELDS.id.maxBytes;

/** What the store sets. A caller may pass it back in, and it decides nothing. */
const SET_BY_STORE = ["revision", "createdAt", "savedAt"] as const;

const KNOWN: readonly string[] = [
  ...Object.keys(FIELDS).map((name) => (name === "userName" ? "userSignature" : name)),
  ...SET_BY_STORE,
];

/** Names that people use for a property of ours, and what to do with their values. */
const HINTS: Readonly<Record<string, string>> = {
  expiresIn: "expiresIn is a lifetime in seconds: give expiresAt, Date.now() + expiresIn * 1000.",
  expires_in: "expires_in is a lifetime in seconds: give expiresAt, Date.now() + expires_in * 1000.",
  access_token: "Give it as accessToken.",
  refresh_token: "Give it as refreshToken.",
  id_token: "Give it as idToken.",
  token_type: "Give it as tokenType.",
  api_domain: "Give it as apiDomain.",
  client_id: "Give it as clientId.",
  client_secret: "Give it as clientSecret.",
  redirect_uri: "Give it as redirectUrl.",
  code: "An authorization code is the grantToken.",
  user: "Give it as userSignature: { name }.",
  userName: "Give it as userSignature: { name }.",
};

type Input = Readonly<Record<string, unknown>>;

/**
 * Checks the properties of a plain object.
 * Messages name the property, never its value.
 * @throws TokenStoreError `ERR_INVALID_TOKEN`
 */
export function checkGiven(input: unknown): GivenFields {
  if (!isPlainObject(input)) {
    throw invalid(
      `A token must be an OAuthToken or a plain object of its properties, not ${typeName(input)}.`,
      undefined,
    );
  }
  for (const name in input) {
    if (!KNOWN.includes(name)) throw unknownProperty(name);
  }
  for (const name of SET_BY_STORE) checkInteger(name, input[name]);
  return {
    id: checkString("id", input.id),
    userName: checkUser(input.userSignature),
    clientId: checkString("clientId", input.clientId),
    clientSecret: checkString("clientSecret", input.clientSecret),
    redirectUrl: checkString("redirectUrl", input.redirectUrl),
    grantToken: checkString("grantToken", input.grantToken),
    refreshToken: checkString("refreshToken", input.refreshToken),
    refreshTokenExpiresAt: checkTime("refreshTokenExpiresAt", input.refreshTokenExpiresAt),
    accessToken: checkString("accessToken", input.accessToken),
    expiresAt: checkTime("expiresAt", input.expiresAt),
    scope: checkString("scope", input.scope),
    tokenType: checkString("tokenType", input.tokenType),
    idToken: checkString("idToken", input.idToken),
    apiDomain: checkString("apiDomain", input.apiDomain),
    issuer: checkString("issuer", input.issuer),
    refreshState: checkJson("refreshState", input.refreshState),
    metadata: checkJson("metadata", input.metadata),
  };
}

/** Checks an id that has to be there. @throws TokenStoreError `ERR_INVALID_TOKEN` */
export function checkId(id: unknown): string {
  if (id === undefined || id === null || id === "") {
    throw invalid("The id must be a string that is not empty.", "id");
  }
  if (typeof id !== "string") {
    throw invalid(`The id must be a string, not ${typeName(id)}. Pass token.id.`, "id");
  }
  return checkString("id", id, MAX_ID_BYTES)!;
}

/** Checks the key of a lock. @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkLockKey(key: unknown): string {
  if (typeof key !== "string" || key === "" || !key.isWellFormed()) {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      "The key of a lock must be a well-formed string that is not empty.",
    );
  }
  return key;
}

function checkString(
  name: string,
  value: unknown,
  maxBytes: number = FIELDS[name as FieldName]?.maxBytes ?? 65_536,
): string | null | undefined {
  if (value === undefined) return undefined;
  if (value === null || value === "") return null;
  if (typeof value !== "string") throw invalid(`${name} must be a string, not ${typeName(value)}.`, name);
  // A UTF-16 unit is at most 3 bytes of UTF-8, so most strings need no counting.
  if (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes) {
    throw invalid(`${name} is longer than ${maxBytes} bytes of UTF-8.`, name);
  }
  if (!value.isWellFormed()) {
    throw invalid(`${name} has a lone surrogate: it is not well-formed Unicode.`, name);
  }
  if (value === MASK && FIELDS[name as FieldName]?.isSecret) throw masked(name);
  return value;
}

function checkUser(user: unknown): string | null | undefined {
  if (user === undefined || user === null) return user;
  if (typeof user !== "object") {
    throw invalid(`userSignature must be an object { name }, not ${typeName(user)}.`, "userSignature");
  }
  // The UserSignature of Zoho's SDKs hides its name behind getName(). Taken for "no user", it would find
  // somebody else's record.
  if (!("name" in user)) throw invalid("userSignature must be an object { name }.", "userSignature");
  for (const name in user) {
    if (name !== "name") throw unknownProperty(`userSignature.${name}`);
  }
  return checkString("userSignature.name", (user as Input).name);
}

// Unix seconds are between these two until the year 5138; the same numbers as milliseconds are in 1970 to 1973.
const SECONDS_FROM = 1e9;
const SECONDS_TO = 1e11;

function checkTime(name: string, value: unknown): number | null | undefined {
  if (value instanceof Date) throw invalid(`${name} must be Unix milliseconds: give date.getTime().`, name);
  const checked = checkInteger(name, value);
  if (typeof checked === "number" && checked >= SECONDS_FROM && checked < SECONDS_TO) {
    throw invalid(`${name} looks like Unix seconds. Give milliseconds: multiply it by 1000.`, name);
  }
  return checked;
}

function checkInteger(name: string, value: unknown): number | null | undefined {
  if (value === undefined) return undefined;
  if (value === null || value === "") return null;
  if (!Number.isSafeInteger(value)) throw invalid(`${name} must be a safe integer.`, name);
  return value === 0 ? 0 : (value as number); // -0 is 0
}

function checkJson(name: "refreshState" | "metadata", value: unknown): string | null | undefined {
  if (value === undefined) return undefined;
  if (value === null || value === "") return null;
  if (value === MASK) throw masked(name);
  if (!isPlainObject(value)) throw invalid(`${name} must be a JSON object, not ${typeName(value)}.`, name);
  if (!isJson(value, 0)) {
    throw invalid(
      `${name} must be a JSON object: strings, finite numbers, booleans, null, arrays and plain objects, ` +
        `nested at most ${MAX_DEPTH} deep.`,
      name,
    );
  }
  const json = JSON.stringify(value);
  const { maxBytes } = FIELDS[name];
  if (Buffer.byteLength(json) > maxBytes) {
    throw invalid(`${name} is longer than ${maxBytes} bytes of JSON.`, name);
  }
  return json;
}

const MAX_DEPTH = 100;

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === "boolean") return true;
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  if (depth === MAX_DEPTH) return false; // also the way out of a cycle
  if (Array.isArray(value)) return Array.from(value).every((item) => isJson(item, depth + 1));
  if (!isPlainObject(value) || Object.getOwnPropertySymbols(value).length > 0) return false;
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isJson(item, depth + 1));
}

function masked(name: string): TokenStoreError {
  return invalid(
    `${name} is "${MASK}", which logs and JSON show instead of a secret. ` +
      "The secret itself is lost there: copy a token with toPlain().",
    name,
  );
}

function unknownProperty(name: string): TokenStoreError {
  const shown = name.length > 64 ? `${name.slice(0, 64)}…` : name;
  const hint = Object.hasOwn(HINTS, name) ? HINTS[name] : `A token has ${KNOWN.join(", ")}.`;
  return invalid(`Unknown property ${JSON.stringify(shown)}. ${hint}`, shown);
}

function invalid(message: string, property: string | undefined): TokenStoreError {
  return new TokenStoreError("ERR_INVALID_TOKEN", message, property === undefined ? {} : { property });
}

// An instance of some other class may hide its properties behind getters, and would pass for an empty
// token. An object of another realm (a test runner's, say) is as plain as ours.
function isPlainObject(value: unknown): value is Input {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return typeof value;
  return isPlainObject(value) ? "a plain object" : "an instance of another class";
}
