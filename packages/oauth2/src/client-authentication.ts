import { type OAuthToken, TokenStoreError } from "@tokenkeep/core";
import * as oauth from "oauth4webapi";

/** A value, or a function that is asked at each request: for secrets that rotate. */
export type Askable<T> = T | (() => T | Promise<T>);

/**
 * How the client proves who it is (RFC 8414, `token_endpoint_auth_methods_supported`), or a function of `oauth4webapi`
 * that does it. Mutual TLS needs a `fetch` that presents the certificate.
 */
export type ClientAuthenticationMethod =
  | "client_secret_basic"
  | "client_secret_post"
  | "client_secret_jwt"
  | "private_key_jwt"
  | "tls_client_auth"
  | "self_signed_tls_client_auth"
  | "none"
  | oauth.ClientAuth;

/** Who the client is. */
export interface ClientOptions {
  /** The client's identifier. By default the record's own. */
  readonly clientId?: Askable<string> | undefined;
  /** The client's secret. By default the record's own, if it has one. */
  readonly clientSecret?: Askable<string> | undefined;
  /** The client's private key, for `private_key_jwt` (RFC 7523). */
  readonly clientPrivateKey?: Askable<oauth.CryptoKey | oauth.PrivateKey> | undefined;
  /**
   * How the client authenticates. By default: with its private key where there is one, not at all where there is no
   * secret, otherwise as the server's metadata say, or with HTTP Basic (RFC 6749, section 2.3.1).
   */
  readonly clientAuthentication?: ClientAuthenticationMethod | undefined;
}

/** A client that is ready to authenticate. */
export interface AuthenticatedClient {
  readonly client: oauth.Client;
  readonly authentication: oauth.ClientAuth;
  /** What must not be seen in errors. */
  readonly secrets: readonly string[];
}

/**
 * Asks who the client is, now.
 * @param options what the provider was made with
 * @param token the record, whose client id and secret are the fallback
 * @param server the server's metadata
 * @returns the client
 * @throws TokenStoreError `ERR_PROVIDER` where there is no client id, or the record is another client's
 */
export async function authenticatedClient(
  options: ClientOptions,
  token: OAuthToken,
  server: oauth.AuthorizationServer,
): Promise<AuthenticatedClient> {
  const clientId = (await ask(options.clientId)) || token.clientId;
  if (!clientId) {
    throw refused("There is no client id, neither in the provider's options nor in the record.", token);
  }
  if (token.clientId !== null && token.clientId !== clientId) {
    throw refused("The record belongs to another client than this provider's.", token);
  }
  const secret = (await ask(options.clientSecret)) || token.clientSecret || undefined;
  const key = await ask(options.clientPrivateKey);
  const method = options.clientAuthentication ?? defaultMethod(secret, key, server);
  const basic = secret === undefined ? [] : [Buffer.from(`${clientId}:${secret}`).toString("base64")];
  return {
    client: { client_id: clientId },
    authentication: typeof method === "function" ? method : authenticationOf(method, secret, key, token),
    secrets: secret === undefined ? [] : [secret, ...basic],
  };
}

function ask<T>(value: Askable<T> | undefined): T | Promise<T> | undefined {
  return typeof value === "function" ? (value as () => T | Promise<T>)() : value;
}

function defaultMethod(
  secret: string | undefined,
  key: unknown,
  server: oauth.AuthorizationServer,
): Exclude<ClientAuthenticationMethod, oauth.ClientAuth> {
  if (key !== undefined) return "private_key_jwt";
  if (secret === undefined) return "none";
  const supported = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const preferred = ["client_secret_basic", "client_secret_post", "client_secret_jwt"] as const;
  return preferred.find((method) => supported.includes(method)) ?? "client_secret_basic";
}

function authenticationOf(
  method: Exclude<ClientAuthenticationMethod, oauth.ClientAuth>,
  secret: string | undefined,
  key: oauth.CryptoKey | oauth.PrivateKey | undefined,
  token: OAuthToken,
): oauth.ClientAuth {
  if (method === "none") return oauth.None();
  if (method.endsWith("tls_client_auth")) return oauth.TlsClientAuth();
  if (method === "private_key_jwt") {
    if (key === undefined) throw refused("private_key_jwt needs clientPrivateKey.", token);
    return oauth.PrivateKeyJwt(key);
  }
  if (secret === undefined) throw refused(`${method} needs a client secret.`, token);
  if (method === "client_secret_post") return oauth.ClientSecretPost(secret);
  if (method === "client_secret_jwt") return oauth.ClientSecretJwt(secret);
  return oauth.ClientSecretBasic(secret);
}

function refused(message: string, token: OAuthToken): TokenStoreError {
  return new TokenStoreError("ERR_PROVIDER", `${message} Nothing was sent.`, {
    retryable: false,
    ...(token.id === null ? {} : { id: token.id }),
  });
}
