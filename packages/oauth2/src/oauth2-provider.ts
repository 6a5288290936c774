import type { OAuthToken } from "@tokenkeep/core";
import { TokenStoreError } from "@tokenkeep/core";
import * as oauth from "oauth4webapi";
import { authenticatedClient, type ClientOptions } from "./client-authentication.js";
import type { Provider, RequestOptions, Rotation } from "./provider.js";
import { checkProviderOptions } from "./provider-options.js";
import { secretsOf } from "./provider-secrets.js";
import { ServerMetadata, type ServerOptions } from "./server-metadata.js";
import { httpOptions, tokenRequest } from "./token-request.js";

/** What `oauth2Provider` and `clientCredentials` have in common. */
export interface CommonProviderOptions extends ServerOptions, ClientOptions {
  /** Lifetime of an access token whose answer doesn't say, in milliseconds. */
  readonly defaultLifetimeMs?: number | undefined;
  /** Scopes to ask for, separated by spaces or as an array. By default those of the login. */
  readonly scope?: string | readonly string[] | undefined;
  /** The API that the token is for (RFC 8707). */
  readonly resource?: string | readonly string[] | undefined;
  /** More parameters of the request, for providers that want them. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /** See {@link Provider.conform}. */
  readonly conform?: Provider["conform"];
  /** See {@link Provider.classify}. */
  readonly classify?: Provider["classify"];
}

/** What an OAuth 2 provider is made of. */
export interface OAuth2ProviderOptions extends CommonProviderOptions {
  /** What the provider does with a refresh token that was used; `"strict"` by default, which is safe with every one. */
  readonly rotation?: Rotation | undefined;
}

/**
 * An OAuth 2 provider whose users have refresh tokens (RFC 6749, section 6).
 * @param options an `issuer`, or a `tokenEndpoint`, and the client
 * @returns the provider
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function oauth2Provider(options: OAuth2ProviderOptions): Provider {
  const issuer = checkProviderOptions(options, ["rotation"]);
  const metadata = new ServerMetadata(options, issuer);
  const parameters = requestParameters(options);
  return {
    ...sharedParts(options, metadata),
    rotation: options.rotation ?? "strict",
    async refresh(token: OAuthToken, { signal }: RequestOptions): Promise<unknown> {
      const { refreshToken } = token;
      if (refreshToken === null) throw new TypeError("refresh needs a record with a refresh token");
      const server = await metadata.get();
      const client = await authenticatedClient(options, token, server);
      return tokenRequest(
        (http) =>
          oauth.refreshTokenGrantRequest(server, client.client, client.authentication, refreshToken, {
            ...http,
            additionalParameters: parameters,
          }),
        httpOptions(options.fetch, signal),
        [...client.secrets, ...secretsOf(token)],
      );
    },
  };
}

/**
 * What a provider has besides its way to ask for a token.
 * @param options the options of the provider
 * @param metadata where the server is
 * @returns these parts
 */
export function sharedParts(
  options: CommonProviderOptions,
  metadata: ServerMetadata,
): Pick<Provider, "issuer" | "clientId" | "defaultLifetimeMs" | "conform" | "classify" | "revoke"> {
  const { clientId, defaultLifetimeMs, conform, classify } = options;
  return {
    issuer: metadata.issuer,
    ...(typeof clientId === "string" ? { clientId } : {}),
    ...(defaultLifetimeMs === undefined ? {} : { defaultLifetimeMs }),
    ...(conform === undefined ? {} : { conform }),
    ...(classify === undefined ? {} : { classify }),
    revoke: (token, { signal }) => revoke(options, metadata, token, signal),
  };
}

// The refresh token if there is one: RFC 7009, section 2.1, has its access tokens go with it.
async function revoke(
  options: CommonProviderOptions,
  metadata: ServerMetadata,
  token: OAuthToken,
  signal: AbortSignal,
): Promise<void> {
  const value = token.refreshToken ?? token.accessToken;
  if (value === null) return;
  const server = await metadata.get();
  if (server.revocation_endpoint === undefined) {
    throw new TokenStoreError(
      "ERR_UNSUPPORTED",
      `${metadata.issuer} has no revocation endpoint that is known. Give revocationEndpoint, or delete the record ` +
        "with store.deleteToken(id): the provider then still accepts its tokens.",
    );
  }
  const client = await authenticatedClient(options, token, server);
  const hint = token.refreshToken === null ? "access_token" : "refresh_token";
  await tokenRequest(
    async (http) => {
      const response = await oauth.revocationRequest(server, client.client, client.authentication, value, {
        ...http,
        additionalParameters: { token_type_hint: hint },
      });
      // success has no body that means anything
      return response.ok ? Response.json({}) : response;
    },
    httpOptions(options.fetch, signal),
    [...client.secrets, ...secretsOf(token)],
  );
}

/**
 * The parameters of a token request that the options name.
 * @param options the options of the provider
 * @returns the parameters
 */
export function requestParameters(options: CommonProviderOptions): URLSearchParams {
  const parameters = new URLSearchParams(options.parameters);
  if (options.scope !== undefined) parameters.set("scope", [options.scope].flat().join(" "));
  for (const resource of [options.resource ?? []].flat()) parameters.append("resource", resource);
  return parameters;
}
