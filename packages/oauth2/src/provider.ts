import type { OAuthToken } from "@tokenkeep/core";

/**
 * What the provider does with a refresh token that was used (RFC 9700, section 4.14).
 *
 * - `"none"`: it stays good (Google, Zoho). A request whose answer was lost is sent again.
 * - `{ reuseWithinMs }`: each answer has a new one, and the old one stays good for so long (Okta, Auth0, Amazon
 *   Cognito). A request whose answer was lost is sent again within that time.
 * - `"strict"`: each answer has a new one, and a second use of the old one logs the user out. A request whose answer
 *   was lost is never silently sent again.
 */
export type Rotation = "none" | "strict" | { readonly reuseWithinMs: number };

/** A successful answer of a token endpoint (RFC 6749, section 5.1), brought into the standard's form. */
export interface TokenResponse {
  /** The access token. */
  readonly access_token?: string | undefined;
  /** How the access token is sent: `Bearer`, `DPoP`. */
  readonly token_type?: string | undefined;
  /** Lifetime of the access token in seconds, from the moment of the request. */
  readonly expires_in?: number | undefined;
  /** A new refresh token, where the provider rotates. */
  readonly refresh_token?: string | undefined;
  /** Lifetime of the refresh token in seconds (not in the RFC; Google, GitHub and Keycloak send it). */
  readonly refresh_token_expires_in?: number | undefined;
  /** Scopes, separated by spaces. */
  readonly scope?: string | undefined;
  /** The ID token (OpenID Connect Core 1.0, section 3.1.3.3). */
  readonly id_token?: string | undefined;
  /** The base URL of the API that the token is good for (Zoho's `api_domain`, Salesforce's `instance_url`). */
  readonly api_domain?: string | undefined;
}

/**
 * What a failed request means.
 *
 * - `"login"`: the refresh token is no good any more. Only a login helps.
 * - `"client"`: the client's id, secret or rights, or the request itself. Says nothing about the user.
 * - `"not-sent"`: the request certainly never left. It may be sent again.
 * - `"busy"`: the provider refused to look at the request (429, 503). It may be sent again.
 * - `"lost"`: the request was sent and its answer never came. Whether it was carried out is unknown.
 * - `"failed"`: the provider answered with something else that may pass (500, a page of HTML).
 */
export type FailureKind = "login" | "client" | "not-sent" | "busy" | "lost" | "failed";

/** How one request is made. */
export interface RequestOptions {
  /** Aborts when the request has taken too long. */
  readonly signal: AbortSignal;
}

/** An OAuth 2 provider, as a `TokenManager` sees it. `oauth2Provider` makes one; so may you. */
export interface Provider {
  /**
   * The issuer identifier (RFC 8414, section 2), a URL. Records are bound to it at their first success, and those of
   * another issuer are refused before anything is sent. Undefined: nothing is bound or refused.
   */
  readonly issuer?: string | undefined;

  /** The client's identifier, where it is the same for all tokens. Narrows lookups to this client's records. */
  readonly clientId?: string | undefined;

  /** What the provider does with a refresh token that was used. */
  readonly rotation: Rotation;

  /** Lifetime of an access token whose answer doesn't say, in milliseconds. */
  readonly defaultLifetimeMs?: number | undefined;

  /**
   * For tokens of the program itself, without a user (RFC 6749, section 4.4): the id of the one record that such a
   * token has. `refresh` is then asked without a refresh token, also for a record that isn't there yet.
   */
  readonly machineTokenId?: string | undefined;

  /**
   * Asks for a new access token, once. The answer goes to `conform` as it is: a refresh must not throw an answer away
   * because it looks odd, for it may hold the only refresh token that still works.
   * @param token the record; its `refreshToken` is what to send
   * @param options ends the request when it takes too long
   * @returns the parsed body of a successful answer
   * @throws ProviderError for everything else; any other error counts as a request whose answer was lost
   */
  refresh(token: OAuthToken, options: RequestOptions): Promise<unknown>;

  /**
   * Revokes the token at the provider (RFC 7009). A token that the provider doesn't know any more is no error.
   * @param token the record
   * @param options ends the request when it takes too long
   */
  revoke?(token: OAuthToken, options: RequestOptions): Promise<void>;

  /**
   * Brings an answer into the standard's form. By default `conformResponse`.
   * @param response what `refresh` resolved with, or what was given to `saveResponse`
   * @returns the standard's form
   * @throws ProviderError where the answer is an error after all
   */
  conform?(response: unknown): TokenResponse;

  /**
   * Tells what a failed request means. By default `classifyError`.
   * @param error what `refresh` or `conform` threw
   * @returns the kind of failure
   */
  classify?(error: unknown): FailureKind;
}
