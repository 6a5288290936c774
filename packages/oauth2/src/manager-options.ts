import type { OAuthToken, TokenStore, TokenStoreError } from "@tokenkeep/core";
import { TokenStoreError as StoreError } from "@tokenkeep/core";
import { checkFunction, checkMs, checkOptionNames, invalidOption } from "@tokenkeep/core/backend";
import { MIN_VALIDITY_MS } from "./freshness.js";
import type { Provider } from "./provider.js";
import { isSafeUrl, isUrl } from "./response.js";

/** How a `TokenManager` works. Times are milliseconds. */
export interface TokenManagerOptions {
  /** The origins that `fetch` sends tokens to, besides the record's `apiDomain`. */
  readonly origins?: readonly (string | URL)[] | undefined;
  /**
   * How long an access token must be valid to be handed out without a refresh; 60 s by default, but never more than
   * half of the token's lifetime. Clocks of hosts may differ by so much.
   */
  readonly minValidityMs?: number | undefined;
  /** How long a call waits for a token at most; 30 s by default. */
  readonly timeoutMs?: number | undefined;
  /** How long one request to the provider may take; 15 s by default. */
  readonly requestTimeoutMs?: number | undefined;
  /** How long to wait for the answer of a process that seems to have died while it refreshed; 2 s by default. */
  readonly pendingMs?: number | undefined;
  /** How long one refresh may hold its lock; 60 s by default. */
  readonly maxHoldMs?: number | undefined;
  /** How long a refresh token that the provider refused is not sent again; an hour by default. */
  readonly retryDeadAfterMs?: number | undefined;
  /** Sends the requests of `tokens.fetch`; by default the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Called when the provider refuses a refresh token, by the process that asked. */
  readonly onLoginRequired?: ((token: OAuthToken, error: TokenStoreError) => void) | undefined;
  /** Called when a record works again after its refreshes had failed, by the process that made it work. */
  readonly onRecovered?: ((token: OAuthToken) => void) | undefined;
}

/** The options of a manager, checked, each with its value. */
export interface CheckedManagerOptions {
  readonly origins: ReadonlySet<string>;
  readonly minValidityMs: number;
  readonly timeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly pendingMs: number;
  readonly maxHoldMs: number;
  readonly retryDeadAfterMs: number;
  readonly fetch: typeof fetch;
  readonly onLoginRequired: (token: OAuthToken, error: TokenStoreError) => void;
  readonly onRecovered: (token: OAuthToken) => void;
}

const NAMES = [
  "origins",
  "minValidityMs",
  "timeoutMs",
  "requestTimeoutMs",
  "pendingMs",
  "maxHoldMs",
  "retryDeadAfterMs",
  "fetch",
  "onLoginRequired",
  "onRecovered",
];

/**
 * Checks the options of a manager.
 * @param options what the caller gave
 * @returns each option with its value
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkManagerOptions(options: TokenManagerOptions): CheckedManagerOptions {
  checkOptionNames("TokenManager", options, NAMES);
  for (const name of ["fetch", "onLoginRequired", "onRecovered"] as const) {
    checkFunction(name, options[name]);
  }
  const requestTimeoutMs = checkMs("requestTimeoutMs", options.requestTimeoutMs ?? 15_000);
  const pendingMs = checkMs("pendingMs", options.pendingMs ?? 2_000, 0);
  // one request, its repetitions, the wait for another's answer, and time to save
  const shortest = 2 * requestTimeoutMs + pendingMs + 10_000;
  const maxHoldMs = checkMs("maxHoldMs", options.maxHoldMs ?? Math.max(60_000, shortest));
  if (maxHoldMs < requestTimeoutMs + pendingMs) {
    throw invalidOption("maxHoldMs must be more than requestTimeoutMs and pendingMs together.");
  }
  const origins: unknown = options.origins ?? [];
  if (!Array.isArray(origins)) throw invalidOption("origins must be an array.");
  return {
    origins: new Set(origins.map(originOf)),
    minValidityMs: checkMs("minValidityMs", options.minValidityMs ?? MIN_VALIDITY_MS, 0),
    timeoutMs: checkMs("timeoutMs", options.timeoutMs ?? 30_000),
    requestTimeoutMs,
    pendingMs,
    maxHoldMs,
    retryDeadAfterMs: checkMs("retryDeadAfterMs", options.retryDeadAfterMs ?? 3_600_000, 0),
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    onLoginRequired: options.onLoginRequired ?? (() => {}),
    onRecovered: options.onRecovered ?? (() => {}),
  };
}

function originOf(origin: unknown): string {
  if (!isUrl(origin)) throw invalidOption("origins must be URLs such as https://api.example.com.");
  const url = new URL(origin);
  if (!isSafeUrl(url)) throw invalidOption("origins must be https URLs; http is for this machine only.");
  return url.origin;
}

/**
 * Checks that a store can do what a manager needs.
 * @param store the store
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` where it is no store, `ERR_UNSUPPORTED` where it can't do enough
 */
export function checkStore(store: TokenStore): void {
  const capabilities = (store as Partial<TokenStore> | null | undefined)?.capabilities;
  if (capabilities === undefined) throw invalidOption("The first argument must be a token store.");
  for (const [name, why] of [
    ["locks", "processes could refresh one token at the same time, which logs the user out"],
    ["revisions", "a late answer could overwrite a newer token"],
  ] as const) {
    if (!capabilities[name]) {
      throw new StoreError(
        "ERR_UNSUPPORTED",
        `TokenManager needs a store that declares ${name}: without, ${why}.`,
      );
    }
  }
}

/**
 * Checks that there is a provider.
 * @param provider what the caller gave
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function checkProvider(provider: Provider): void {
  if (typeof (provider as Partial<Provider> | null | undefined)?.refresh !== "function") {
    throw invalidOption("The second argument must be a provider, such as oauth2Provider({ … }) makes.");
  }
}
