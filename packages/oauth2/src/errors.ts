import { type OAuthToken, TokenStoreError } from "@tokenkeep/core";
import { isProviderError } from "./classify.js";
import type { FailureKind } from "./provider.js";
import { ProviderError } from "./provider-error.js";
import { safeText } from "./redact.js";
import type { Failure } from "./refresh-state.js";

/**
 * What others may know of a failed request.
 * @param error what the provider threw
 * @param kind what it means
 * @param secrets what was sent and received
 * @returns the failure, safe to log and to store
 */
export function failureOf(error: unknown, kind: FailureKind, secrets: readonly string[]): Failure {
  if (!isProviderError(error)) {
    // An unknown error may hold the whole request: nothing of it is shown but its name.
    const name = error instanceof Error ? error.name : typeof error;
    return { kind, message: `The provider could not be asked (${safeText(name, secrets, 60)}).` };
  }
  const { status, error: code, description } = error;
  return {
    kind,
    message: safeText(error.message, secrets, 400),
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { error: safeText(code, secrets, 100) }),
    ...(description === undefined ? {} : { description: safeText(description, secrets) }),
  };
}

/**
 * The error that callers get for a failed refresh.
 * @param failure what happened
 * @param token the record
 * @param notBefore when the provider is asked again at the earliest, in Unix milliseconds
 * @returns `ERR_LOGIN_REQUIRED` or `ERR_PROVIDER`, with a `ProviderError` as its cause
 */
export function errorOfFailure(failure: Failure, token: OAuthToken, notBefore?: number): TokenStoreError {
  const { kind, message } = failure;
  const cause = causeOf(failure);
  const id = idOf(token);
  if (kind === "login") {
    const text = `A login is required of ${nameOf(token)}: the refresh token is no longer accepted. ${message}`;
    return new TokenStoreError("ERR_LOGIN_REQUIRED", text, { cause, ...id });
  }
  if (kind === "client") {
    const text = `The provider refuses the client or its request; nobody was logged out. ${message}`;
    return new TokenStoreError("ERR_PROVIDER", text, { cause, retryable: false, ...id });
  }
  const when = notBefore === undefined ? "" : ` Asked again after ${new Date(notBefore).toISOString()}.`;
  const text = `The access token for ${nameOf(token)} could not be refreshed. ${message}${when}`;
  return new TokenStoreError("ERR_PROVIDER", text, { cause, retryable: true, ...id });
}

/**
 * The error that callers get for a failed revocation.
 * @param failure what happened
 * @param token the record
 * @returns `ERR_PROVIDER`, with a `ProviderError` as its cause
 */
export function revocationFailed(failure: Failure, token: OAuthToken): TokenStoreError {
  const text = `The grant of ${nameOf(token)} could not be revoked; its record was kept. ${failure.message}`;
  const retryable = failure.kind !== "client";
  return new TokenStoreError("ERR_PROVIDER", text, { cause: causeOf(failure), retryable, ...idOf(token) });
}

/**
 * The error for a record that only a login can help.
 * @param token the record
 * @param why what is wrong with it
 * @returns `ERR_LOGIN_REQUIRED`
 */
export function loginRequired(token: OAuthToken, why: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_LOGIN_REQUIRED",
    `A login is required of ${nameOf(token)}: ${why}`,
    idOf(token),
  );
}

/**
 * The error for a record that this manager must not use.
 * @param token the record
 * @param why what is wrong
 * @returns `ERR_PROVIDER`, not retryable
 */
export function refusedRecord(token: OAuthToken, why: string): TokenStoreError {
  return new TokenStoreError("ERR_PROVIDER", `${why} Nothing was sent.`, {
    retryable: false,
    ...idOf(token),
  });
}

function causeOf({ kind, message, status, error, description }: Failure): ProviderError {
  return new ProviderError(message, { status, error, description, sent: kind !== "not-sent" });
}

function nameOf({ userSignature, id }: OAuthToken): string {
  return userSignature === null
    ? `the user of record ${JSON.stringify(id)}`
    : JSON.stringify(userSignature.name);
}

function idOf(token: OAuthToken): { id?: string } {
  return token.id === null ? {} : { id: token.id };
}
