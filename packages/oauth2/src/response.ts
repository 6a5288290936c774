import type { TokenResponse } from "./provider.js";
import { ProviderError } from "./provider-error.js";
import { safeText, stringsIn } from "./redact.js";

/** What a store takes as one property (contract 1.4). */
const MAX_BYTES = 65_536;

/** A lifetime beyond this is a mistake, and its end may not be a date any more. */
const MAX_LIFETIME_S = 100 * 366 * 86_400;

/**
 * Brings the answer of a token endpoint into the form of RFC 6749, section 5.1. It accepts what providers are known to
 * send instead: `null` for what is absent, numbers as text, scopes as an array, errors with HTTP 200. What can't be
 * used is left out, never a reason to refuse the rest: the answer may hold the only refresh token that still works.
 * @param response the parsed body
 * @returns the standard's form
 * @throws ProviderError where the answer holds no token, which also is how some providers answer errors
 */
export function conformResponse(response: unknown): TokenResponse {
  if (!isObject(response)) {
    throw new ProviderError("The provider's answer is not a JSON object.", { status: 200 });
  }
  const accessToken = text(response.access_token);
  const refreshToken = text(response.refresh_token);
  if (accessToken === undefined && refreshToken === undefined) throw errorOf(response, 200);
  return {
    access_token: accessToken,
    refresh_token: refreshToken,
    token_type: text(response.token_type),
    expires_in: lifetime(response.expires_in),
    refresh_token_expires_in: lifetime(
      response.refresh_token_expires_in ?? response.refresh_expires_in ?? response.x_refresh_token_expires_in,
    ),
    scope: Array.isArray(response.scope) ? text(response.scope.join(" ")) : text(response.scope),
    id_token: text(response.id_token),
    api_domain: baseUrl(response.api_domain ?? response.instance_url),
  };
}

/**
 * The error that an answer without a token stands for.
 * @param body the parsed body, if it could be parsed
 * @param status the HTTP status
 * @param secrets what was sent
 * @param retryAfterMs what the provider asks to wait
 * @returns the error, safe to log
 */
export function errorOf(
  body: unknown,
  status: number,
  secrets: readonly string[] = [],
  retryAfterMs?: number,
): ProviderError {
  const all = [...secrets, ...stringsIn(body)];
  const { code, description } = errorFields(body);
  const error = code === undefined ? undefined : safeText(code, all, 100);
  const shown = description === undefined ? undefined : safeText(description, all);
  const nothing = status < 300 ? "without a token" : "without an error code";
  const what = error === undefined ? nothing : `with "${error}"${shown ? `: ${shown}` : ""}`;
  const message = `The provider answered HTTP ${status} ${what}`;
  return new ProviderError(message.endsWith(".") ? message : `${message}.`, {
    status,
    error,
    description: shown,
    retryAfterMs,
  });
}

// Besides the RFC's fields, some APIs wrap theirs in an object: { error: { status, message } }.
function errorFields(body: unknown): { code?: string | undefined; description?: string | undefined } {
  if (!isObject(body)) return {};
  const { error } = body;
  const source = isObject(error) ? error : body;
  const codes = isObject(error)
    ? [error.status, error.code, error.type]
    : [error, body.error_code, body.code];
  const texts = [source.error_description, source.description, source.message, source.msg];
  return { code: codes.find(isText), description: texts.find(isText) };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function text(value: unknown): string | undefined {
  if (!isText(value) || !value.isWellFormed() || Buffer.byteLength(value) > MAX_BYTES) return undefined;
  return value;
}

function lifetime(value: unknown): number | undefined {
  const seconds = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  // 0 means "never ends" to some and nothing to others
  if (typeof seconds !== "number" || !Number.isFinite(seconds) || seconds <= 0) return undefined;
  return Math.min(seconds, MAX_LIFETIME_S);
}

function baseUrl(value: unknown): string | undefined {
  const url = text(value);
  return url !== undefined && URL.canParse(url) && isSafeUrl(new URL(url)) ? url : undefined;
}

/**
 * Whether a value of whatever type is a URL.
 * @param value what a caller gave
 * @returns whether it is a `URL`, or text of one
 */
export function isUrl(value: unknown): value is string | URL {
  return value instanceof URL || (typeof value === "string" && URL.canParse(value));
}

/**
 * Whether a token may be sent to a URL: over https, or to this machine.
 * @param url where to
 * @returns whether it may
 */
export function isSafeUrl(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
