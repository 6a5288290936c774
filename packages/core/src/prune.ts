import { isTokenStoreError } from "./errors.js";
import { checkFunction, checkMs, checkOptionNames, checkSignal, invalidOption } from "./options.js";
import type { OAuthToken } from "./token.js";
import type { TokenStore } from "./token-store.js";

/** Which records {@link pruneTokens} removes. A record goes if any of the rules applies to it. */
export interface PruneOptions {
  /** Records that were not saved for this long, in milliseconds. */
  readonly idleMs?: number | undefined;
  /** Records whose first save was this long ago, in milliseconds. */
  readonly ageMs?: number | undefined;
  /**
   * Records that can give no token any more: the access token expired and there is no refresh token, or the refresh
   * token expired too.
   */
  readonly expired?: boolean | undefined;
  /** Only counts what would be removed. */
  readonly dryRun?: boolean | undefined;
  /** Stops between two records: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told after each record that was removed, or with `dryRun` would be. Where it returns a promise, the next record waits
   * for it.
   */
  readonly onPrune?: ((token: OAuthToken) => void | Promise<void>) | undefined;
}

/** What {@link pruneTokens} did. */
export interface PruneReport {
  /** How many records it read. */
  readonly read: number;
  /** How many it removed, or with `dryRun` would remove. */
  readonly removed: number;
  /** How many were saved meanwhile, and stayed. */
  readonly kept: number;
}

const NAMES = ["idleMs", "ageMs", "expired", "dryRun", "signal", "onPrune"];
/** Spans of time that are no timers, such as a year, may be longer than a timer can wait. */
const MAX_MS = Number.MAX_SAFE_INTEGER;

/**
 * Removes records that are of no more use, in bounded memory. Each removal is conditional on the revision that was read,
 * so a token that was refreshed a moment ago stays.
 * @param store the store; it must declare `iteration`
 * @param options which records to remove; at least one rule
 * @returns how many were read, removed and kept
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`, and what the store rejects with
 */
export async function pruneTokens(store: TokenStore, options: PruneOptions): Promise<PruneReport> {
  checkOptionNames("pruneTokens", options, NAMES);
  const { idleMs, ageMs, expired = false, dryRun = false, signal, onPrune } = options;
  if (typeof (store as Partial<TokenStore> | null | undefined)?.tokens !== "function") {
    throw invalidOption("The first argument must be a token store.");
  }
  checkSignal(signal);
  checkFunction("onPrune", onPrune);
  for (const [name, value] of Object.entries({ idleMs, ageMs })) checkSpan(name, value);
  if (idleMs === undefined && ageMs === undefined && !expired) {
    throw invalidOption("Give at least one rule: idleMs, ageMs or expired. Without one, nothing is pruned.");
  }
  const startedAt = Date.now();
  let read = 0;
  let removed = 0;
  let kept = 0;
  for await (const token of store.tokens()) {
    signal?.throwIfAborted();
    // Not a token: what a tool remembers, such as an import which rows it has imported.
    if (token.id?.startsWith("tokenkeep:")) continue;
    read++;
    const isOld =
      (idleMs !== undefined && startedAt - token.savedAt! > idleMs) ||
      (ageMs !== undefined && startedAt - token.createdAt! > ageMs) ||
      (expired && isUseless(token, startedAt));
    if (!isOld) continue;
    if (!dryRun) {
      try {
        await store.deleteToken(token.id!, { ifRevision: token.revision! });
      } catch (error) {
        if (!isTokenStoreError(error) || error.code !== "ERR_CONFLICT") throw error;
        kept++;
        continue;
      }
    }
    removed++;
    await onPrune?.(token);
  }
  return { read, removed, kept };
}

function isUseless(token: OAuthToken, now: number): boolean {
  const hasAccess = token.accessToken !== null && (token.expiresAt === null || token.expiresAt > now);
  const hasRefresh =
    token.refreshToken !== null &&
    (token.refreshTokenExpiresAt === null || token.refreshTokenExpiresAt > now);
  return !hasAccess && !hasRefresh && token.grantToken === null;
}

function checkSpan(name: string, value: number | undefined): void {
  if (value === undefined) return;
  if (!Number.isSafeInteger(value) || value < 0 || value > MAX_MS) checkMs(name, value, 0);
}
