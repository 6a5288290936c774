import { isTokenStoreError, type OAuthToken, type TokenStore } from "@tokenkeep/core";
import { checkFunction, checkOptionNames, checkSignal, invalidOption } from "@tokenkeep/core/backend";
import { freshnessOf, MIN_VALIDITY_MS, type Wanted } from "./freshness.js";
import type { Provider } from "./provider.js";
import { refreshStateOf } from "./refresh-state.js";

/** How many records are refreshed at a time. */
const AT_A_TIME = 4;

/** Which grants to refresh. */
export interface KeepAliveOptions {
  /** How long a grant was not used, in milliseconds. */
  readonly idleMs: number;
  /** Ends it after the records under way. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Which records are this provider's, for those that were never refreshed here and so have no issuer. By default
   * those with the provider's client id.
   */
  readonly filter?: ((token: OAuthToken) => boolean) | undefined;
  /** Told after each grant how many are done. Where it returns a promise, the next one waits for it. */
  readonly onProgress?: ((progress: KeepAliveResult) => void | Promise<void>) | undefined;
}

/** What was done. */
export interface KeepAliveResult {
  /** How many records were refreshed, or found to be refreshed by somebody else. */
  readonly refreshed: number;
  /** How many could not be refreshed. Their `refreshState` says why. */
  readonly failed: number;
}

/**
 * Refreshes the grants of a store that were not used for long, a few at a time.
 * @param store the store
 * @param provider whose grants
 * @param options which
 * @param refresh makes one refresh
 * @returns how many were refreshed, and how many failed
 */
export async function keepGrantsAlive(
  store: TokenStore,
  provider: Provider,
  options: KeepAliveOptions,
  refresh: (token: OAuthToken, wanted: Wanted) => Promise<unknown>,
): Promise<KeepAliveResult> {
  checkOptionNames("keepAlive", options, ["idleMs", "signal", "filter", "onProgress"]);
  const { idleMs, onProgress } = options;
  if (!Number.isSafeInteger(idleMs) || idleMs < 0) {
    throw invalidOption("idleMs must be an integer of milliseconds, 0 or more.");
  }
  const { signal, filter = (token) => token.clientId !== null && token.clientId === provider.clientId } =
    options;
  checkSignal(signal);
  checkFunction("filter", filter);
  checkFunction("onProgress", onProgress);
  const wanted: Wanted = { minValidityMs: MIN_VALIDITY_MS, isExplicit: false, idleMs };
  const isDue = (token: OAuthToken) =>
    token.refreshToken !== null &&
    (token.issuer === null ? filter(token) : token.issuer === provider.issuer) &&
    refreshStateOf(token)?.status !== "login-required" &&
    freshnessOf(token, wanted, Date.now()) === "stale";
  let refreshed = 0;
  let failed = 0;
  const running = new Set<Promise<void>>();
  const refreshOne = async (token: OAuthToken): Promise<void> => {
    try {
      await refresh(token, wanted);
      refreshed++;
    } catch (error) {
      // its lock is taken: somebody else refreshes it
      if (!isTokenStoreError(error) || error.code !== "ERR_LOCK_TIMEOUT") failed++;
    }
    await onProgress?.({ refreshed, failed });
  };
  for await (const token of store.capabilities.iteration ? store.tokens() : await store.getTokens()) {
    if (signal?.aborted) break;
    if (!isDue(token)) continue;
    const one = refreshOne(token);
    running.add(one);
    one.then(
      () => running.delete(one),
      () => {}, // and the wait for it rejects
    );
    if (running.size >= AT_A_TIME) await Promise.race(running);
  }
  await Promise.all(running);
  signal?.throwIfAborted();
  return { refreshed, failed };
}
