import { createHash } from "node:crypto";
import type { OAuthToken } from "@tokenkeep/core";
import { invalidOption } from "@tokenkeep/core/backend";
import * as oauth from "oauth4webapi";
import { authenticatedClient } from "./client-authentication.js";
import { type CommonProviderOptions, requestParameters, sharedParts } from "./oauth2-provider.js";
import type { Provider, RequestOptions } from "./provider.js";
import { checkProviderOptions } from "./provider-options.js";
import { secretsOf } from "./provider-secrets.js";
import { ServerMetadata } from "./server-metadata.js";
import { httpOptions, tokenRequest } from "./token-request.js";

/**
 * A provider of tokens for the program itself, without a user (RFC 6749, section 4.4). Its manager is asked without a
 * user: `tokens.getAccessToken()`.
 *
 * Server, client, scope, resource and parameters name the one record that the token has, so that a caller who wanted
 * another scope never gets it.
 * @param options an `issuer` or a `tokenEndpoint`, the client with its id as a string, and what to ask for
 * @returns the provider
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function clientCredentials(options: CommonProviderOptions): Provider {
  const issuer = checkProviderOptions(options, []);
  const { clientId } = options;
  if (typeof clientId !== "string") throw invalidOption("clientCredentials needs clientId as a string.");
  const metadata = new ServerMetadata(options, issuer);
  const parameters = requestParameters(options);
  return {
    ...sharedParts(options, metadata),
    rotation: "none",
    machineTokenId: idOf(issuer, clientId, options),
    async refresh(token: OAuthToken, { signal }: RequestOptions): Promise<unknown> {
      const server = await metadata.get();
      const client = await authenticatedClient(options, token, server);
      return tokenRequest(
        (http) =>
          oauth.clientCredentialsGrantRequest(server, client.client, client.authentication, parameters, http),
        httpOptions(options.fetch, signal),
        [...client.secrets, ...secretsOf(token)],
      );
    },
  };
}

function idOf(issuer: string, clientId: string, options: CommonProviderOptions): string {
  const scope = [options.scope ?? []].flat().flatMap((text) => text.split(" "));
  const wanted = [
    issuer,
    String(options.tokenEndpoint ?? ""),
    clientId,
    [...new Set(scope)].sort(),
    [options.resource ?? []].flat().toSorted(),
    Object.entries(options.parameters ?? {}).toSorted(),
  ];
  const digest = createHash("sha256").update(JSON.stringify(wanted)).digest("base64url");
  return `client-credentials-${digest.slice(0, 22)}`;
}
