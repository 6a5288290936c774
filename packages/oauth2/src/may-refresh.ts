import type { OAuthToken } from "@tokenkeep/core";
import { errorOfFailure, loginRequired, refusedRecord } from "./errors.js";
import type { CheckedManagerOptions } from "./manager-options.js";
import type { Provider } from "./provider.js";
import { refreshStateOf } from "./refresh-state.js";

/** A state that began further in the future than this, in milliseconds, was written by a clock that is wrong. */
const MAX_AHEAD_MS = 600_000;

/**
 * Refuses a record that another issuer or client has to do with.
 * @param token the record
 * @param provider the manager's provider
 * @throws TokenStoreError `ERR_PROVIDER`, not retryable
 */
export function checkBelongs(token: OAuthToken, provider: Provider): void {
  const { issuer, clientId } = provider;
  if (issuer !== undefined && token.issuer !== null && token.issuer !== issuer) {
    throw refusedRecord(token, `The record belongs to ${token.issuer}, and this manager to ${issuer}.`);
  }
  if (clientId !== undefined && token.clientId !== null && token.clientId !== clientId) {
    throw refusedRecord(
      token,
      `The record belongs to client ${token.clientId}, and this manager to ${clientId}.`,
    );
  }
}

/**
 * Refuses a refresh that can't succeed, or that somebody has just tried.
 * @param token the record
 * @param provider the manager's provider
 * @param options the manager's
 * @param seen what `seenOf` said when the caller began to wait
 * @throws TokenStoreError `ERR_LOGIN_REQUIRED` or `ERR_PROVIDER`
 */
export function checkRefreshable(
  token: OAuthToken,
  provider: Provider,
  options: CheckedManagerOptions,
  seen: string,
): void {
  checkBelongs(token, provider);
  const now = Date.now();
  const state = refreshStateOf(token);
  const { failure, notBefore = 0 } = state ?? {};
  if (failure !== undefined && state?.status === "login-required") {
    if (lastsStill(state.at, state.at + options.retryDeadAfterMs, now)) throw errorOfFailure(failure, token);
  }
  if (provider.machineTokenId === undefined) checkGrant(token, now);
  if (failure !== undefined && state?.status === "failing") {
    // a failure since the caller began to wait is what the caller waited for
    if (lastsStill(state.at, notBefore, now) || seenOf(token) !== seen) {
      throw errorOfFailure(failure, token, notBefore);
    }
  }
}

function checkGrant(token: OAuthToken, now: number): void {
  const { refreshToken, refreshTokenExpiresAt } = token;
  if (refreshToken === null) {
    throw loginRequired(token, "the access token has expired, and there is no refresh token.");
  }
  if (refreshTokenExpiresAt !== null && refreshTokenExpiresAt <= now) {
    throw loginRequired(token, "the refresh token has expired.");
  }
}

// A host whose clock is years ahead must not lock everybody out for years.
function lastsStill(since: number, until: number, now: number): boolean {
  return now < until && since - now < MAX_AHEAD_MS;
}

/**
 * Names what is known about refreshing a record, so that a new result is recognised.
 * @param token the record
 * @returns a name that changes with each attempt and each result
 */
export function seenOf(token: OAuthToken): string {
  const state = refreshStateOf(token);
  return state === undefined ? "" : `${state.attempt} ${state.status}`;
}
