import type { OAuthToken } from "@tokenkeep/core";
import { type RefreshState, refreshStateOf } from "./refresh-state.js";

/** How long an access token is valid at least, unless the options say otherwise; in milliseconds. */
export const MIN_VALIDITY_MS = 60_000;

/** An access token that an API refused causes one refresh per record in this time, in milliseconds. */
export const REJECTED_PAUSE_MS = 30_000;

/** What a caller wants. */
export interface Wanted {
  /** How long the access token must be valid, in milliseconds. */
  readonly minValidityMs: number;
  /** The caller named `minValidityMs`; otherwise it is halved for tokens that live shortly. */
  readonly isExplicit: boolean;
  /** The access token that an API refused. */
  readonly rejected?: string | undefined;
  /** Refresh a grant that was not used for so long, in milliseconds, however valid its access token is. */
  readonly idleMs?: number | undefined;
}

/**
 * Whether a record's access token will do.
 * @param token the record
 * @param wanted what the caller wants
 * @param now the time, in Unix milliseconds
 * @returns `fresh`: yes; `early`: yes, but it is time to refresh it; `stale`: no
 */
export function freshnessOf(token: OAuthToken, wanted: Wanted, now: number): "fresh" | "early" | "stale" {
  const { accessToken, expiresAt } = token;
  if (accessToken === null) return "stale";
  if (wanted.idleMs !== undefined) return isIdle(token, wanted.idleMs, now) ? "stale" : "fresh";
  if (wanted.rejected === accessToken) return wasJustRejected(refreshStateOf(token), now) ? "fresh" : "stale";
  if (expiresAt === null || expiresAt - now >= wanted.minValidityMs) return "fresh";
  if (expiresAt - now >= neededValidity(token, wanted)) return "fresh";
  return expiresAt > now ? "early" : "stale";
}

// A token that lives for a minute must not be stale at birth.
function neededValidity(token: OAuthToken, { minValidityMs, isExplicit }: Wanted): number {
  const lifetimeMs = refreshStateOf(token)?.lifetimeMs;
  if (lifetimeMs === undefined || (isExplicit && minValidityMs < lifetimeMs)) return minValidityMs;
  return Math.min(minValidityMs, lifetimeMs / 2);
}

function isIdle(token: OAuthToken, idleMs: number, now: number): boolean {
  const usedAt = refreshStateOf(token)?.refreshedAt ?? token.savedAt ?? 0;
  return now - usedAt >= idleMs;
}

function wasJustRejected(state: RefreshState | undefined, now: number): boolean {
  // the refresh that the refusal caused is still under way
  if (state?.status === "refreshing") return false;
  return state?.rejectedAt !== undefined && now - state.rejectedAt < REJECTED_PAUSE_MS;
}
