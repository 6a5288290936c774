// The parts of Zoho's SDKs that are used, declared structurally: no SDK is a dependency, and versions 6.0 to 8.0 fit.

import { TokenStoreError } from "@tokenkeep/core";

/** A user of the SDK's. */
export interface SdkUser {
  getName(): string | null | undefined;
}

/**
 * What the SDK may not know.
 * @inline
 */
type Text = string | null | undefined;

/** A token of the SDK's: the getters and setters of its class `OAuthToken`. */
export interface SdkToken {
  getId(): Text;
  setId(id: string): void;
  getUserSignature(): SdkUser | null | undefined;
  // a method, so that the SDK's own class of users fits
  setUserSignature(user: never): void;
  getClientId(): Text;
  setClientId(clientId: string): void;
  getClientSecret(): Text;
  setClientSecret(clientSecret: string): void;
  getRedirectURL(): Text;
  setRedirectURL(redirectUrl: string): void;
  getGrantToken(): Text;
  setGrantToken(grantToken: string): void;
  getRefreshToken(): Text;
  setRefreshToken(refreshToken: string): void;
  getAccessToken(): Text;
  setAccessToken(accessToken: string): void;
  /** Not a lifetime, whatever its name says: Unix milliseconds, as text. */
  getExpiresIn(): string | number | null | undefined;
  setExpiresIn(expiresAt: string): void;
  getAPIDomain(): Text;
  setAPIDomain(apiDomain: string): void;
}

/** A class, or the module of the Node.js SDK that has it as `MasterModel`. */
export type ClassOrModule<C> = C | { readonly MasterModel: C };

/** The SDK's classes, as its users import them. */
export interface SdkClasses<T extends SdkToken> {
  /** The SDK's `OAuthToken`: `findTokenById` resolves with an instance, since the SDK asks `instanceof`. */
  readonly OAuthToken: ClassOrModule<abstract new (...args: never[]) => T>;
  /** The SDK's `UserSignature`. */
  readonly UserSignature: ClassOrModule<new (name: string) => SdkUser>;
  /** The SDK's `TokenStore`, where it is a class: the Node.js SDK takes no store that is not an instance. */
  readonly TokenStore?: ClassOrModule<abstract new () => object> | object | undefined;
  /** The SDK's `Initializer`, needed for the option `refresh`: it knows where the SDK refreshes tokens. */
  readonly Initializer?: ClassOrModule<object> | undefined;
}

/** What the SDKs take for `store`. */
export interface ZohoTokenStore<T extends SdkToken> {
  /**
   * Fills what is missing in `token` from its record.
   * @param token what the SDK knows
   * @returns the same object, or null where there is no record
   */
  findToken(token: T): Promise<T | null>;
  /**
   * The record with this id.
   * @param id the id, as text
   * @returns the record as a token of the SDK's
   * @throws TokenStoreError `ERR_INVALID_TOKEN` where there is none: with null, the SDKs would go on and fail
   */
  findTokenById(id: string): Promise<T>;
  /**
   * Saves the token, and sets its id.
   * @param token what the SDK has; its `setId` is called
   */
  saveToken(token: T): Promise<void>;
  /**
   * Deletes the record with this id, if there is one.
   * @param id the id, as text
   */
  deleteToken(id: string): Promise<void>;
  /**
   * Lists the store.
   * @returns every record as a token of the SDK's
   */
  getTokens(): Promise<T[]>;
  /** Deletes every record of the store, but not the knowledge of what was imported. */
  deleteTokens(): Promise<void>;
  /** With the option `refresh`: waits for refreshes under way. Call it before the store's `close()`. */
  close(): Promise<void>;
}

/** The class that was given, or that a module of the Node.js SDK has. */
export function classOf<C>(given: ClassOrModule<C> | undefined, name: string): C {
  const found: unknown =
    typeof given === "object" && given !== null ? (given as { MasterModel?: unknown }).MasterModel : given;
  if (typeof found === "function") return found as C;
  throw new TokenStoreError("ERR_INVALID_OPTIONS", `${name} must be the class of that name of Zoho's SDK.`);
}
