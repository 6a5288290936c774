import type { OAuthToken, TokenInput } from "@tokenkeep/core";
import { pauseAfter } from "./backoff.js";
import type { Provider, TokenResponse } from "./provider.js";
import { nextState, refreshStateOf } from "./refresh-state.js";
import { conformResponse } from "./response.js";

/**
 * Brings an answer into the standard's form, by the provider's own `conform` first.
 * @param provider the provider
 * @param answer what it answered
 * @returns the standard's form, every value of the right type
 * @throws ProviderError where the answer is an error
 */
export function conformedBy(provider: Provider, answer: unknown): TokenResponse {
  if (provider.conform === undefined) return conformResponse(answer);
  try {
    return conformResponse(provider.conform(answer));
  } catch (error) {
    // whatever it dislikes, a new refresh token is not thrown away
    const standard = conformedOrUndefined(answer);
    if (standard?.refresh_token === undefined) throw error;
    return standard;
  }
}

function conformedOrUndefined(answer: unknown): TokenResponse | undefined {
  try {
    return conformResponse(answer);
  } catch {
    return undefined;
  }
}

/**
 * What an answer changes in a record.
 * @param response the answer
 * @param marked the record as it was when the refresh token was sent
 * @param sentAt when that was, in Unix milliseconds: lifetimes count from here
 * @param provider the provider
 * @returns the properties to change
 */
export function changesOf(
  response: TokenResponse,
  marked: OAuthToken,
  sentAt: number,
  provider: Provider,
): TokenInput {
  const state = refreshStateOf(marked);
  const lifetimeMs = lifetimeIn(response, provider) ?? state?.lifetimeMs;
  const attempt = state?.attempt ?? "";
  const refreshToken = response.refresh_token ?? marked.refreshToken;
  const result =
    response.access_token === undefined
      ? failedState(state?.failures, attempt)
      : { status: "ok" as const, attempt, at: Date.now(), refreshedAt: sentAt };
  return {
    ...propertiesOf(response, sentAt, lifetimeMs),
    ...(marked.issuer === null && provider.issuer !== undefined ? { issuer: provider.issuer } : {}),
    refreshState: nextState(marked, refreshToken, {
      ...result,
      ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    }),
  };
}

// The new refresh token is kept, but there is no access token to hand out.
function failedState(failuresBefore: number | undefined, attempt: string) {
  const failures = (failuresBefore ?? 0) + 1;
  const failure = { kind: "failed" as const, message: "The provider answered without an access token." };
  const at = Date.now();
  return {
    status: "failing" as const,
    attempt,
    at,
    failures,
    failure,
    notBefore: at + pauseAfter(failures, undefined),
  };
}

/**
 * The properties of a record that an answer gives.
 * @param response the answer
 * @param sentAt when its request was sent, in Unix milliseconds
 * @param lifetimeMs the access token's lifetime; undefined if nobody knows
 * @returns the properties that the answer has
 */
export function propertiesOf(
  response: TokenResponse,
  sentAt: number,
  lifetimeMs: number | undefined,
): TokenInput {
  const { access_token, refresh_token, refresh_token_expires_in, scope, token_type, id_token, api_domain } =
    response;
  const after = (ms: number) => Math.round(sentAt + ms);
  return {
    ...(access_token === undefined
      ? {}
      : { accessToken: access_token, expiresAt: lifetimeMs === undefined ? null : after(lifetimeMs) }),
    ...(refresh_token === undefined ? {} : { refreshToken: refresh_token }),
    ...(refresh_token_expires_in === undefined
      ? {}
      : { refreshTokenExpiresAt: after(refresh_token_expires_in * 1000) }),
    ...(scope === undefined ? {} : { scope }),
    ...(token_type === undefined ? {} : { tokenType: token_type }),
    ...(id_token === undefined ? {} : { idToken: id_token }),
    ...(api_domain === undefined ? {} : { apiDomain: api_domain }),
  };
}

/**
 * The lifetime of an answer's access token.
 * @param response the answer
 * @param provider its default is used where the answer doesn't say
 * @returns the lifetime in milliseconds
 */
export function lifetimeIn(response: TokenResponse, provider: Provider): number | undefined {
  const { expires_in } = response;
  return expires_in === undefined ? provider.defaultLifetimeMs : expires_in * 1000;
}
