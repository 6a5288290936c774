import { checkFields, type TokenFields } from "./fields.js";
import { showAs } from "./inspect.js";

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
  /** The access token (RFC 6749, section 1.4). */
  readonly accessToken?: Given<string>;
  /** When the access token ends, in Unix milliseconds. */
  readonly expiresAt?: Given<number>;
  /** The base URL of the API that the token is good for. */
  readonly apiDomain?: Given<string>;
  /** Set by the store: 1 on insert, one more on each save. Not a condition: that is `ifRevision`. */
  readonly revision?: Given<number>;
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
  /** The access token. */
  accessToken: string | null;
  /** When the access token ends, in Unix milliseconds. */
  expiresAt: number | null;
  /** The base URL of the API that the token is good for. */
  apiDomain: string | null;
  /** 1 after the first save, one more after each. */
  revision: number | null;
}

/**
 * The checked fields of a token or of plain properties.
 * @throws TokenStoreError `ERR_INVALID_TOKEN`
 */
// assigned in OAuthToken's static block, the only place that can see its private fields
export let fieldsOf: (input: unknown) => TokenFields;

const MASK = "***";
const TRUSTED = Symbol("fields that were checked");

/**
 * An OAuth token and what belongs to it. Immutable: {@link OAuthToken.with} makes a changed copy.
 *
 * Logging, inspecting or serialising one shows no secret. {@link OAuthToken.toPlain} does.
 */
export class OAuthToken implements TokenInput {
  readonly #fields: TokenFields;

  /**
   * @param input the properties; those left out are `null`
   * @throws TokenStoreError `ERR_INVALID_TOKEN` for a property that is unknown, of the wrong type, too
   *   long, or not well-formed Unicode
   */
  constructor(input: TokenInput = {}) {
    // what is no object at all is refused there too
    const isTrusted = typeof input === "object" && input !== null && TRUSTED in input;
    this.#fields = isTrusted ? (input[TRUSTED] as TokenFields) : fieldsOf(input);
  }

  get id(): string | null {
    return this.#fields.id;
  }
  get userSignature(): UserSignature | null {
    return this.#fields.userName === null ? null : new UserSignature(this.#fields.userName);
  }
  get clientId(): string | null {
    return this.#fields.clientId;
  }
  get clientSecret(): string | null {
    return this.#fields.clientSecret;
  }
  get redirectUrl(): string | null {
    return this.#fields.redirectUrl;
  }
  get grantToken(): string | null {
    return this.#fields.grantToken;
  }
  get refreshToken(): string | null {
    return this.#fields.refreshToken;
  }
  get accessToken(): string | null {
    return this.#fields.accessToken;
  }
  /** When the access token ends, in Unix milliseconds. */
  get expiresAt(): number | null {
    return this.#fields.expiresAt;
  }
  /** Whole seconds until the access token ends, 0 once it has; `null` where that is not known. */
  get expiresIn(): number | null {
    const { expiresAt } = this.#fields;
    return expiresAt === null ? null : Math.max(0, Math.floor((expiresAt - Date.now()) / 1000));
  }
  get apiDomain(): string | null {
    return this.#fields.apiDomain;
  }
  get revision(): number | null {
    return this.#fields.revision;
  }

  /**
   * Makes a changed copy; this token stays as it is.
   * @param changes the properties to change; `null` takes one away
   * @returns the copy
   * @throws TokenStoreError `ERR_INVALID_TOKEN`, as the constructor
   */
  with(changes: TokenInput): OAuthToken {
    return new OAuthToken({ ...this.toPlain(), ...changes });
  }

  /**
   * Gives the plain properties, **secrets included**.
   * @returns a new object
   */
  toPlain(): PlainToken {
    const fields = this.#fields;
    const { userName } = fields;
    return {
      id: fields.id,
      userSignature: userName === null ? null : { name: userName },
      clientId: fields.clientId,
      clientSecret: fields.clientSecret,
      redirectUrl: fields.redirectUrl,
      grantToken: fields.grantToken,
      refreshToken: fields.refreshToken,
      accessToken: fields.accessToken,
      expiresAt: fields.expiresAt,
      apiDomain: fields.apiDomain,
      revision: fields.revision,
    };
  }

  /**
   * What `JSON.stringify` and the console show.
   * @returns the plain properties, every secret that there is as `***`
   */
  toJSON(): PlainToken {
    const plain = this.toPlain();
    for (const secret of SECRETS) if (plain[secret] !== null) plain[secret] = MASK;
    return plain;
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
    fieldsOf = (input) => (isOwn(input) ? input.#fields : checkFields(plainOf(input)));
    const isOwn = (input: unknown): input is OAuthToken =>
      typeof input === "object" && input !== null && #fields in input;
  }
}

/** The properties that no log, error or dump may show. */
export const SECRETS: readonly ["clientSecret", "grantToken", "refreshToken", "accessToken"] = [
  "clientSecret",
  "grantToken",
  "refreshToken",
  "accessToken",
];

/** The token of fields that were checked before (a record's), without checking or copying them again. */
export function tokenOf(fields: TokenFields): OAuthToken {
  return new OAuthToken({ [TRUSTED]: fields } as TokenInput);
}

// A token of another copy of this package hides its fields from this one, but can be asked for them.
function plainOf(input: unknown): unknown {
  const toPlain: unknown = (input as { toPlain?: unknown } | null | undefined)?.toPlain;
  return typeof toPlain === "function" ? toPlain.call(input) : input;
}
