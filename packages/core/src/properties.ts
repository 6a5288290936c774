// The one table of a token's properties. Checks, copies, masks and the record's codec all follow it.

/** A JSON value. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * A token's properties, flat, as the rules and the backends see them. What is absent is `null`.
 * JSON objects are kept as their text, so that they compare and copy like every other value.
 */
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
  /** When the refresh token expires, in Unix milliseconds. */
  readonly refreshTokenExpiresAt: number | null;
  /** The access token (RFC 6749, section 1.4). */
  readonly accessToken: string | null;
  /** When the access token expires, in Unix milliseconds. */
  readonly expiresAt: number | null;
  /** The scope of the access token (RFC 6749, section 3.3). */
  readonly scope: string | null;
  /** The type of the access token (RFC 6749, section 7.1). */
  readonly tokenType: string | null;
  /** The ID token (OpenID Connect Core, section 2). */
  readonly idToken: string | null;
  /** The base URL of the API that the token is good for. */
  readonly apiDomain: string | null;
  /** The issuer identifier of the authorization server (RFC 8414, section 2). */
  readonly issuer: string | null;
  /** What is known about refreshing this refresh token: JSON text without secrets. */
  readonly refreshState: string | null;
  /** The program's own data: JSON text. */
  readonly metadata: string | null;
}

/** A property of {@link TokenFields}. */
export type FieldName = keyof TokenFields;

type FieldType = "string" | "integer" | "json";

interface Property {
  readonly type: FieldType;
  /** The longest value, in bytes of UTF-8. */
  readonly maxBytes: number;
  /** Never shown by a log, an error or `inspect`. */
  readonly isSecret: boolean;
}

const property = (type: FieldType, maxBytes: number, isSecret = false): Property => ({
  type,
  maxBytes,
  isSecret,
});
const text = property("string", 65_536);
const secret = property("string", 65_536, true);
const time = property("integer", 0);

/** Every field, in the order in which a person wants to read it. */
export const FIELDS: Readonly<Record<FieldName, Property>> = {
  id: property("string", 255),
  userName: text,
  clientId: text,
  clientSecret: secret,
  redirectUrl: text,
  grantToken: secret,
  refreshToken: secret,
  refreshTokenExpiresAt: time,
  accessToken: secret,
  expiresAt: time,
  scope: text,
  tokenType: text,
  idToken: secret,
  apiDomain: text,
  issuer: text,
  refreshState: property("json", 4096),
  metadata: property("json", 65_536, true),
};

/** The names of all fields. */
export const FIELD_NAMES: readonly FieldName[] = Object.keys(FIELDS) as FieldName[];

/** The properties that no log, error or dump may show. */
export const SECRETS: readonly ["clientSecret", "grantToken", "refreshToken", "accessToken", "idToken"] = [
  "clientSecret",
  "grantToken",
  "refreshToken",
  "accessToken",
  "idToken",
];

/** What is shown instead of a secret. */
export const MASK = "***";

/**
 * Makes fields, each by its name. Written out, since an object whose properties are assigned one by one takes V8 longer
 * than everything else in a find.
 */
export function makeFields(pick: <K extends FieldName>(name: K) => TokenFields[K]): TokenFields {
  return {
    id: pick("id"),
    userName: pick("userName"),
    clientId: pick("clientId"),
    clientSecret: pick("clientSecret"),
    redirectUrl: pick("redirectUrl"),
    grantToken: pick("grantToken"),
    refreshToken: pick("refreshToken"),
    refreshTokenExpiresAt: pick("refreshTokenExpiresAt"),
    accessToken: pick("accessToken"),
    expiresAt: pick("expiresAt"),
    scope: pick("scope"),
    tokenType: pick("tokenType"),
    idToken: pick("idToken"),
    apiDomain: pick("apiDomain"),
    issuer: pick("issuer"),
    refreshState: pick("refreshState"),
    metadata: pick("metadata"),
  };
}

/** Fields of which all are absent. */
export const NO_FIELDS: TokenFields = Object.freeze(makeFields(() => null as never));
