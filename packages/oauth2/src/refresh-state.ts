import { createHash } from "node:crypto";
import type { JsonObject, OAuthToken } from "@tokenkeep/core";
import type { FailureKind } from "./provider.js";

/** Why the last refresh of a record failed, for every process that asks. */
export interface Failure {
  /** What the failure means. */
  readonly kind: FailureKind;
  /** Safe to log: it was masked before it was stored. */
  readonly message: string;
  /** The HTTP status, if there was an answer. */
  readonly status?: number;
  /** The error code of the answer (RFC 6749, section 5.2). */
  readonly error?: string;
  /** The provider's words, shortened and escaped. */
  readonly description?: string;
}

/**
 * What a `TokenManager` keeps in a record's `refreshState`. Times are Unix milliseconds.
 *
 * - `ok`: the last refresh went well.
 * - `refreshing`: somebody is about to send the refresh token, or has died doing so.
 * - `failing`: the last refresh failed for a reason that may pass; nobody asks again before `notBefore`.
 * - `login-required`: the provider refuses this refresh token.
 */
export interface RefreshState {
  /** How the last refresh ended. */
  readonly status: "ok" | "refreshing" | "failing" | "login-required";
  /** Names the refresh token that this is about: the beginning of its SHA-256. */
  readonly token: string;
  /** Names the attempt, so that others recognise a new result. */
  readonly attempt: string;
  /** When the status began. */
  readonly at: number;
  /** When the access token was last refreshed. */
  readonly refreshedAt?: number;
  /** The lifetime of the access token, as the provider said last. */
  readonly lifetimeMs?: number;
  /** When a refresh was last begun because an API had refused the access token. */
  readonly rejectedAt?: number;
  /** How many refreshes have failed in a row. */
  readonly failures?: number;
  /** Before this time nobody asks again. */
  readonly notBefore?: number;
  /** Why the last refresh failed. */
  readonly failure?: Failure;
}

const STATUSES = ["ok", "refreshing", "failing", "login-required"];

/**
 * Reads what is known about refreshing a record.
 * @param token the record
 * @returns what is known about its present refresh token; undefined where nothing is
 */
export function refreshStateOf(token: OAuthToken): RefreshState | undefined {
  const state = (token as OAuthToken | null | undefined)?.refreshState as
    | (Partial<RefreshState> & JsonObject)
    | null
    | undefined;
  if (
    state === null ||
    state === undefined ||
    !STATUSES.includes(state.status as string) ||
    typeof state.at !== "number"
  ) {
    return undefined;
  }
  // another program replaced the refresh token and left the state of the old one
  if (state.token !== fingerprint(token.refreshToken)) return undefined;
  return state as unknown as RefreshState;
}

/**
 * A state, ready to be stored.
 * @param token the record that it is for
 * @param refreshToken the refresh token that it is about
 * @param changes what is new; times that other states need are handed on
 * @returns a JSON object
 */
export function nextState(
  token: OAuthToken,
  refreshToken: string | null,
  changes: Omit<RefreshState, "token">,
): JsonObject {
  const { refreshedAt, lifetimeMs, rejectedAt } = refreshStateOf(token) ?? {};
  const state = { refreshedAt, lifetimeMs, rejectedAt, ...changes, token: fingerprint(refreshToken) };
  return Object.fromEntries(Object.entries(state).filter(([, value]) => value !== undefined)) as JsonObject;
}

/** Enough to tell two refresh tokens apart, of no use to anybody who reads it. */
function fingerprint(refreshToken: string | null): string {
  if (refreshToken === null) return "";
  return createHash("sha256").update(refreshToken).digest("base64url").slice(0, 16);
}
