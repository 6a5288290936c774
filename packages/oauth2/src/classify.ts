import type { FailureKind } from "./provider.js";
import type { ProviderError } from "./provider-error.js";

// RFC 6749, section 5.2, and the names that providers use instead (GitHub, Supabase, Microsoft Entra).
const LOGIN = new Set([
  "invalid_grant",
  "invalid_refresh_token",
  "bad_refresh_token",
  "refresh_token_not_found",
  "refresh_token_already_used",
  "interaction_required",
  "login_required",
  "consent_required",
]);

const CLIENT = new Set([
  "invalid_client",
  "unauthorized_client",
  "incorrect_client_credentials",
  "invalid_request",
  "invalid_scope",
  "invalid_target",
  "unsupported_grant_type",
]);

const BUSY = new Set(["temporarily_unavailable", "slow_down", "rate_limited", "too_many_requests"]);

// What Node and undici say before a byte of the request was sent. A TLS handshake comes first, too.
const NOT_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "ENETDOWN",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/**
 * Tells what a failed request means: the default of `Provider.classify`.
 * @param error what `refresh` or `conform` threw
 * @returns the kind of failure
 */
export function classifyError(error: unknown): FailureKind {
  if (!isProviderError(error)) return wasNeverSent(error) ? "not-sent" : "lost";
  const code = error.error?.toLowerCase() ?? "";
  if (LOGIN.has(code)) return "login";
  if (CLIENT.has(code)) return "client";
  if (!error.sent) return "not-sent";
  if (error.status === 429 || error.status === 503 || BUSY.has(code)) return "busy";
  if (error.status === 401) return "client";
  return error.status === undefined && code === "" ? "lost" : "failed";
}

/** By name, since a program may have two copies of this package. */
export function isProviderError(error: unknown): error is ProviderError {
  return error instanceof Error && error.name === "ProviderError";
}

/**
 * Whether a failed HTTP request certainly never left.
 * @param error what `fetch` threw
 * @returns whether it is certain
 */
export function wasNeverSent(error: unknown): boolean {
  for (let current = error; isErrorLike(current); current = current.cause) {
    if (typeof current.code === "string" && NOT_SENT.has(current.code)) return true;
    // several addresses were tried: all must have failed before anything was sent
    const { errors } = current;
    if (Array.isArray(errors) && errors.length > 0) return errors.every(wasNeverSent);
  }
  return false;
}

function isErrorLike(value: unknown): value is { code?: unknown; cause?: unknown; errors?: unknown } {
  return typeof value === "object" && value !== null;
}
