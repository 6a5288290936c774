import { checkGiven, type GivenFields } from "./checks.js";
import { showAs } from "./inspect.js";
import {
  type FieldName,
  type JsonObject,
  MASK,
  makeFields,
  SECRETS,
  type TokenFields,
} from "./properties.js";
import type { TokenRecord } from "./record.js";

/** The user that a token acts for. Zoho's SDKs name it `email:zgid` or whatever the program chose. */
export class UserSignature {
  /** The user's name. */
  readonly name: string;

  /**
   * Names a user.
   * @param name the user's name
   */
  constructor(name: string) {
    this.name = name;
    Object.freeze(this);
  }
}

/**
 * A property that may be left out.
 * @inline
 */
type Given<T> = T | null | undefined;

/** The properties of a token as a caller gives them. `undefined`, `null` and `""` all mean "not given". */
export interface TokenInput {
  /** Unique in the store; made by the store when not given. Up to 255 bytes of UTF-8. */
  readonly id?: Given<string>;
  /** The user that the token acts for. */
  readonly userSignature?: Given<{ readonly name?: Given<string> }>;
  /** The OAuth client's identifier (RFC 6749, section 2.2). */
  readonly clientId?: Given<string>;
  /** The OAuth client's secret (RFC 6749, section 2.3.1). */
  readonly clientSecret?: Given<string>;
  /** The client's redirect URI (RFC 6749, section 3.1.2). */
  readonly redirectUrl?: Given<string>;
  /** The authorization code (RFC 6749, section 4.1.2), which Zoho calls grant token. */
  readonly grantToken?: Given<string>;
  /** The refresh token (RFC 6749, section 1.5). */
  readonly refreshToken?: Given<string>;
  /** When the refresh token expires, in Unix milliseconds. */
  readonly refreshTokenExpiresAt?: Given<number>;
  /** The access token (RFC 6749, section 1.4). */
  readonly accessToken?: Given<string>;
  /** When the access token expires, in Unix milliseconds. */
  readonly expiresAt?: Given<number>;
  /** The scope of the access token: names with spaces between them (RFC 6749, section 3.3). */
  readonly scope?: Given<string>;
  /** The type of the access token, such as `Bearer` (RFC 6749, section 7.1). */
  readonly tokenType?: Given<string>;
  /** The ID token (OpenID Connect Core 1.0, section 2). */
  readonly idToken?: Given<string>;
  /** The base URL of the API that the token is good for. */
  readonly apiDomain?: Given<string>;
  /** The issuer identifier of the authorization server, a URL (RFC 8414, section 2). */
  readonly issuer?: Given<string>;
  /** What is known about refreshing this refresh token; written by TokenManager. At most 4 KiB of JSON, no secrets. */
  readonly refreshState?: Given<JsonObject>;
  /** The program's own data: a JSON object of at most 64 KiB, replaced as a whole and never interpreted. */
  readonly metadata?: Given<JsonObject>;
  /** Set by the store: 1 on insert, one more on each save. Not a condition: that is `ifRevision`. */
  readonly revision?: Given<number>;
  /** Set by the store: the record's first save, in Unix milliseconds. */
  readonly createdAt?: Given<number>;
  /** Set by the store: the record's last save, in Unix milliseconds. */
  readonly savedAt?: Given<number>;
}

/** The properties of a token, secrets included. What is absent is `null`. */
export interface PlainToken {
  /** Unique in the store; null where it was not stored yet. */
  id: string | null;
  /** The user that the token acts for. */
  userSignature: { name: string } | null;
  /** The OAuth client's identifier. */
  clientId: string | null;
  /** The OAuth client's secret. */
  clientSecret: string | null;
  /** The client's redirect URI. */
  redirectUrl: string | null;
  /** The authorization code. */
  grantToken: string | null;
  /** The refresh token. */
  refreshToken: string | null;
  /** When the refresh token expires, in Unix milliseconds. */
  refreshTokenExpiresAt: number | null;
  /** The access token. */
  accessToken: string | null;
  /** When the access token expires, in Unix milliseconds. */
  expiresAt: number | null;
  /** The scope of the access token. */
  scope: string | null;
  /** The type of the access token. */
  tokenType: string | null;
  /** The ID token. */
  idToken: string | null;
  /** The base URL of the API. */
  apiDomain: string | null;
  /** The issuer identifier of the authorization server. */
  issuer: string | null;
  /** What is known about refreshing this refresh token. */
  refreshState: JsonObject | null;
  /** The program's own data. */
  metadata: JsonObject | null;
  /** 1 after the first save, one more after each. */
  revision: number | null;
  /** The record's first save, in Unix milliseconds. */
  createdAt: number | null;
  /** The record's last save, in Unix milliseconds. */
  savedAt: number | null;
}

/** What the store sets, null for a token that was not stored. */
interface Stamp {
  readonly revision: number | null;
  readonly createdAt: number | null;
  readonly savedAt: number | null;
}

/** Which version of which record a token is a copy of. Shows nothing, as the record holds secrets. */
export class Origin {
  readonly #store: object;
  readonly #record: TokenRecord;

  constructor(store: object, record: TokenRecord) {
    this.#store = store;
    this.#record = record;
    Object.freeze(this);
  }

  /** The record, if this store returned it. */
  recordOf(store: object): TokenRecord | undefined {
    return store === this.#store ? this.#record : undefined;
  }

  static {
    showAs(Origin, () => "Origin");
  }
}

// Own and enumerable, so that a spread carries it along: `{ ...token, accessToken }` is a changed copy too.
const ORIGIN: unique symbol = Symbol("tokenkeep.origin");
const TRUSTED: unique symbol = Symbol("fields that were checked");

interface Trusted {
  readonly fields: TokenFields;
  readonly stamp: Stamp;
  readonly origin: Origin | undefined;
}

// Assigned in OAuthToken's static block, the only place that can see its private fields.
let privateFieldsOf: (input: unknown) => TokenFields | undefined;

/**
 * An OAuth token and what belongs to it. Immutable: {@link OAuthToken.with} makes a changed copy.
 *
 * Logging, inspecting or serialising one shows no secret. {@link OAuthToken.toPlain} does.
 */
export class OAuthToken implements TokenInput {
  readonly #fields: TokenFields;
  readonly id: string | null;
  readonly userSignature: UserSignature | null;
  readonly clientId: string | null;
  readonly clientSecret: string | null;
  readonly redirectUrl: string | null;
  readonly grantToken: string | null;
  readonly refreshToken: string | null;
  /** When the refresh token expires, in Unix milliseconds. */
  readonly refreshTokenExpiresAt: number | null;
  readonly accessToken: string | null;
  /** When the access token expires, in Unix milliseconds. */
  readonly expiresAt: number | null;
  readonly scope: string | null;
  readonly tokenType: string | null;
  readonly idToken: string | null;
  readonly apiDomain: string | null;
  readonly issuer: string | null;
  readonly refreshState: JsonObject | null;
  readonly metadata: JsonObject | null;
  readonly revision: number | null;
  readonly createdAt: number | null;
  readonly savedAt: number | null;

  /**
   * @param input the properties; those left out are `null`
   * @throws TokenStoreError `ERR_INVALID_TOKEN` for a property that is unknown, of the wrong type, too
   *   long, or not well-formed Unicode
   */
  constructor(input: TokenInput = {}) {
    const { fields, stamp, origin } = trustedOf(input) ?? checkedOf(input);
    this.#fields = fields;
    this.id = fields.id;
    this.userSignature = fields.userName === null ? null : new UserSignature(fields.userName);
    this.clientId = fields.clientId;
    this.clientSecret = fields.clientSecret;
    this.redirectUrl = fields.redirectUrl;
    this.grantToken = fields.grantToken;
    this.refreshToken = fields.refreshToken;
    this.refreshTokenExpiresAt = fields.refreshTokenExpiresAt;
    this.accessToken = fields.accessToken;
    this.expiresAt = fields.expiresAt;
    this.scope = fields.scope;
    this.tokenType = fields.tokenType;
    this.idToken = fields.idToken;
    this.apiDomain = fields.apiDomain;
    this.issuer = fields.issuer;
    this.refreshState = parsed(fields.refreshState);
    this.metadata = parsed(fields.metadata);
    this.revision = stamp.revision;
    this.createdAt = stamp.createdAt;
    this.savedAt = stamp.savedAt;
    if (origin !== undefined) Object.assign(this, { [ORIGIN]: origin });
    Object.freeze(this);
  }

  /** Whole seconds until the access token expires, 0 once it has; `null` where that is not known. */
  get expiresIn(): number | null {
    const { expiresAt } = this;
    return expiresAt === null ? null : Math.max(0, Math.floor((expiresAt - Date.now()) / 1000));
  }

  /**
   * Makes a changed copy; this token stays as it is. In a save of the copy, only what was changed counts.
   *
   * What belongs to a token goes with it: another access token without `expiresAt` leaves that `null`, and another
   * refresh token without them leaves `refreshTokenExpiresAt` and `refreshState` `null`.
   * @param changes the properties to change; `null` removes one, `undefined` leaves it as it is
   * @returns the copy
   * @throws TokenStoreError `ERR_INVALID_TOKEN`, as the constructor
   */
  with(changes: TokenInput): OAuthToken {
    const fields = applyChanges(this.#fields, givenOf(changes).given);
    const trusted: Trusted = { fields, stamp: this, origin: originOf(this) };
    return new OAuthToken({ [TRUSTED]: trusted } as TokenInput);
  }

  /**
   * Gives the plain properties, **secrets included**.
   * @returns a new object
   */
  toPlain(): PlainToken {
    const { userName, refreshState, metadata } = this.#fields;
    return {
      id: this.id,
      userSignature: userName === null ? null : { name: userName },
      clientId: this.clientId,
      clientSecret: this.clientSecret,
      redirectUrl: this.redirectUrl,
      grantToken: this.grantToken,
      refreshToken: this.refreshToken,
      refreshTokenExpiresAt: this.refreshTokenExpiresAt,
      accessToken: this.accessToken,
      expiresAt: this.expiresAt,
      scope: this.scope,
      tokenType: this.tokenType,
      idToken: this.idToken,
      apiDomain: this.apiDomain,
      issuer: this.issuer,
      refreshState: refreshState === null ? null : JSON.parse(refreshState),
      metadata: metadata === null ? null : JSON.parse(metadata),
      revision: this.revision,
      createdAt: this.createdAt,
      savedAt: this.savedAt,
    };
  }

  /**
   * What `JSON.stringify` and the console show.
   * @returns the plain properties, with `***` for each secret that there is, and for `metadata`
   */
  toJSON(): Omit<PlainToken, "metadata"> & { metadata: string | null } {
    const { metadata, ...plain } = this.toPlain();
    for (const secret of SECRETS) if (plain[secret] !== null) plain[secret] = MASK;
    return { ...plain, metadata: metadata === null ? null : MASK };
  }

  /**
   * What a template literal shows.
   * @returns the id alone
   */
  toString(): string {
    return `OAuthToken(${this.id ?? "not stored"})`;
  }

  static {
    showAs(OAuthToken, (token, inspect) => `OAuthToken ${inspect(token.toJSON())}`);
    privateFieldsOf = (input) =>
      typeof input === "object" && input !== null && #fields in input ? input.#fields : undefined;
  }
}

/** What a caller passed in, checked. */
export interface CheckedInput {
  /** What was given, absent where `null` or `""` was. */
  readonly given: GivenFields;
  /** Whether it is an OAuthToken, all of whose properties mean something. */
  readonly isToken: boolean;
  /** Which record it is a copy of. */
  readonly origin: Origin | undefined;
}

/**
 * Checks a token, or its plain properties.
 * @throws TokenStoreError `ERR_INVALID_TOKEN`
 */
export function givenOf(input: unknown): CheckedInput {
  const own = privateFieldsOf(input);
  if (own !== undefined) return { given: own, isToken: true, origin: originOf(input) };
  return { given: checkGiven(plainOf(input)), isToken: false, origin: originOf(input) };
}

/** All fields, of which some were given. */
export function fieldsOf(given: GivenFields): TokenFields {
  return makeFields((name) => (given[name] ?? null) as never);
}

/** The token of a record that this store read or wrote. */
export function tokenOf(record: TokenRecord, store: object): OAuthToken {
  const trusted: Trusted = { fields: record, stamp: record, origin: new Origin(store, record) };
  return new OAuthToken({ [TRUSTED]: trusted } as TokenInput);
}

/** The fields with these changes: `null` removes, `undefined` leaves (contract 3.2, 3.7). */
export function applyChanges(fields: TokenFields, changes: GivenFields): TokenFields {
  const isReplaced = (token: "accessToken" | "refreshToken") =>
    changes[token] !== undefined && changes[token] !== fields[token];
  const [isNewAccess, isNewRefresh] = [isReplaced("accessToken"), isReplaced("refreshToken")];
  return makeFields((name) => {
    const change = changes[name];
    if (change !== undefined) return change as never;
    const isStale =
      (isNewAccess && BELONGS_TO.accessToken.includes(name)) ||
      (isNewRefresh && BELONGS_TO.refreshToken.includes(name));
    return (isStale ? null : fields[name]) as never;
  });
}

/** What is good for one token only, and is not carried over to another. */
export const BELONGS_TO: Readonly<Record<"accessToken" | "refreshToken", readonly FieldName[]>> = {
  accessToken: ["expiresAt"],
  refreshToken: ["refreshTokenExpiresAt", "refreshState"],
};

function trustedOf(input: object): Trusted | undefined {
  return typeof input === "object" && input !== null && TRUSTED in input
    ? (input[TRUSTED] as Trusted)
    : undefined;
}

function checkedOf(input: unknown): Trusted {
  const { given } = givenOf(input);
  const { revision = null, createdAt = null, savedAt = null } = plainOf(input) as Partial<Stamp>;
  return { fields: fieldsOf(given), stamp: { revision, createdAt, savedAt }, origin: undefined };
}

function originOf(input: unknown): Origin | undefined {
  const origin: unknown = (input as { [ORIGIN]?: unknown } | null | undefined)?.[ORIGIN];
  return origin instanceof Origin ? origin : undefined;
}

// A token of another copy of this package hides its fields from this one, but can be asked for them.
function plainOf(input: unknown): unknown {
  const toPlain: unknown = (input as { toPlain?: unknown } | null | undefined)?.toPlain;
  return typeof toPlain === "function" ? toPlain.call(input) : input;
}

function parsed(json: string | null): JsonObject | null {
  return json === null ? null : deepFreeze(JSON.parse(json) as JsonObject);
}

function deepFreeze<T extends object>(value: T): T {
  for (const item of Object.values(value)) if (typeof item === "object" && item !== null) deepFreeze(item);
  return Object.freeze(value);
}
