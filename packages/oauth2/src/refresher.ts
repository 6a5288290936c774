import {
  isTokenStoreError,
  type Lease,
  type OAuthToken,
  type TokenStore,
  TokenStoreError,
  type TokenStoreErrorCode,
} from "@tokenkeep/core";
import { Exchange, type Progress, type RefreshOrder } from "./exchange.js";
import { freshnessOf } from "./freshness.js";
import type { CheckedManagerOptions } from "./manager-options.js";
import { checkRefreshable, seenOf } from "./may-refresh.js";
import type { Provider } from "./provider.js";
import { type RefreshState, refreshStateOf } from "./refresh-state.js";
import type { UnsavedAnswers } from "./unsaved-answers.js";
import { pause } from "./wait.js";

/** The pauses between two looks at a record that somebody else refreshes, in milliseconds; they grow. */
const FIRST_LOOK_MS = 20;
const LAST_LOOK_MS = 500;

/** A pause between two looks is so many times as long as a look takes. */
const LOOK_SHARE = 5;

/** How long to watch a record before trying the lock again: its holder may have died. In milliseconds. */
const WATCH_MS = 800;
const MAX_WATCH_MS = 3_000;

/** How long who has marked a record waits for its lock, in milliseconds. Nobody else should want it. */
const LOCK_MS = 2_000;

/** Who marked a record so recently is alive in all likelihood; in milliseconds. */
const JUST_MS = 2_000;

/** How often to look for the answer of a process that seems to have died, in milliseconds. */
const POLL_MS = 100;

/** Refreshes records, one at a time each, among all processes on the store. */
export class Refresher {
  readonly #store: TokenStore;
  readonly #provider: Provider;
  readonly #options: CheckedManagerOptions;
  readonly #answers: UnsavedAnswers;
  readonly #exchange: Exchange;
  /** Ends with the last attempt to take over a record that somebody else has marked. */
  #takeovers: Promise<void> = Promise.resolve();

  constructor(
    store: TokenStore,
    provider: Provider,
    options: CheckedManagerOptions,
    answers: UnsavedAnswers,
  ) {
    this.#store = store;
    this.#provider = provider;
    this.#options = options;
    this.#answers = answers;
    this.#exchange = new Exchange(store, provider, options, answers);
  }

  /** The program's own token before there is a record of it. */
  unstoredToken(): OAuthToken {
    return this.#exchange.unstoredToken();
  }

  /**
   * Makes a refresh, or gets the result of whoever makes it.
   * @returns the record with its new access token
   */
  async refresh(order: RefreshOrder): Promise<OAuthToken> {
    const until = performance.now() + this.#options.timeoutMs;
    for (;;) {
      const triedAt = performance.now();
      const refreshed = await this.#tryToRefresh(order);
      if (refreshed !== undefined) return refreshed;
      const now = performance.now();
      const watchMs = Math.min(MAX_WATCH_MS, Math.max(WATCH_MS, LOOK_SHARE * (now - triedAt)));
      const found = await this.#watch(order, Math.min(until, now + watchMs));
      if (found !== undefined) return found;
      if (performance.now() >= until) throw tooLate(order.id, this.#options.timeoutMs);
    }
  }

  /**
   * Looks at the record one last time when a caller's wait has ended.
   * @returns the record with a valid access token
   * @throws TokenStoreError `ERR_PROVIDER`, retryable, where it has none yet
   */
  async afterWait(order: RefreshOrder): Promise<OAuthToken> {
    const found = await this.#look(order);
    if (found === undefined) throw tooLate(order.id, this.#options.timeoutMs);
    return found;
  }

  /** Makes a refresh if nobody else does. Returns undefined where somebody does. */
  async #tryToRefresh(order: RefreshOrder): Promise<OAuthToken | undefined> {
    const token = await this.#exchange.read(order.id);
    const freshness = freshnessOf(token, order.wanted, Date.now());
    if (freshness === "fresh" || (freshness === "early" && !order.isEarly)) return token;
    checkRefreshable(token, this.#provider, this.#options, order.seen);
    const state = refreshStateOf(token);
    if (token.revision === null) return this.#tryToLock(order, undefined, 0);
    if (state?.status === "refreshing" && !wasJustMarked(state)) return this.#takeOver(order);
    const marked =
      state?.status === "refreshing" ? undefined : await this.#exchange.mark(token, order.wanted);
    if (marked !== undefined) return this.#tryToLock(order, refreshStateOf(marked)?.attempt, LOCK_MS);
    return order.isEarly ? token : undefined;
  }

  // Whoever marked the record may have died, or is slow. To ask for the lock in vain costs the store several writes,
  // so a process does it for one record at a time.
  async #takeOver(order: RefreshOrder): Promise<OAuthToken | undefined> {
    const previous = this.#takeovers;
    let endTurn = () => {};
    this.#takeovers = new Promise((resolve) => {
      endTurn = resolve;
    });
    await previous;
    try {
      const found = order.isEarly ? undefined : await this.#look(order);
      return found ?? (await this.#tryToLock(order, undefined, 0, endTurn));
    } finally {
      endTurn();
    }
  }

  async #tryToLock(
    order: RefreshOrder,
    attempt: string | undefined,
    timeoutMs: number,
    onLocked: () => void = () => {},
  ): Promise<OAuthToken | undefined> {
    let work: Promise<OAuthToken> | undefined;
    try {
      return await this.#store.withLock(
        lockKey(order.id),
        (lease) => {
          onLocked();
          work = this.#whileLocked(order, attempt, lease);
          return work;
        },
        { timeoutMs, maxHoldMs: this.#options.maxHoldMs },
      );
    } catch (error) {
      if (work === undefined) {
        if (order.isEarly || !isCode(error, "ERR_LOCK_TIMEOUT")) throw error;
        return undefined;
      }
      try {
        // What the work found counts, also if the lease was lost meanwhile or could not be released.
        return await work;
      } catch (failure) {
        // The lease was lost before anything was sent: whoever has the lock now makes the refresh.
        if (!isCode(failure, "ERR_LOCK_LOST")) throw failure;
        return undefined;
      }
    }
  }

  // A look at the record is cheaper than a place in the lock's queue, and shows the result just as well. A store that
  // takes long to answer is asked less often, so that those who refresh get their turn.
  async #watch(order: RefreshOrder, until: number): Promise<OAuthToken | undefined> {
    let pauseMs = FIRST_LOOK_MS;
    while (performance.now() < until) {
      await pause(pauseMs * (0.5 + Math.random()));
      const askedAt = performance.now();
      const found = await this.#look(order);
      if (found !== undefined) return found;
      const answeredIn = performance.now() - askedAt;
      const longestMs = Math.max(LAST_LOOK_MS, Math.min(LOOK_SHARE * answeredIn, MAX_WATCH_MS));
      pauseMs = Math.min(pauseMs * 1.5, longestMs);
    }
    return undefined;
  }

  async #look(order: RefreshOrder): Promise<OAuthToken | undefined> {
    const token = await this.#exchange.read(order.id);
    if (freshnessOf(token, order.wanted, Date.now()) !== "stale") return token;
    checkRefreshable(token, this.#provider, this.#options, order.seen);
    return undefined;
  }

  async #whileLocked(order: RefreshOrder, attempt: string | undefined, lease: Lease): Promise<OAuthToken> {
    const startedAt = performance.now();
    const progress: Progress = {
      order,
      lease,
      own: new Set(attempt === undefined ? [] : [attempt]),
      waitedFor: new Set(),
      startedAt,
      repeatUntil: startedAt + this.#options.requestTimeoutMs,
      failures: undefined,
      lost: 0,
    };
    for (;;) {
      await this.#answers.flush(order.id);
      const token = await this.#exchange.read(order.id);
      const marked = isOwn(progress, token) ? token : await this.#markWhileLocked(token, progress);
      if (marked === undefined) continue;
      const result = isOwn(progress, marked) ? await this.#exchange.run(marked, progress) : marked;
      if (result !== undefined) return result;
    }
  }

  /** Marks a record that needs a refresh; returns one that needs none as it is. Undefined: look at it again. */
  async #markWhileLocked(token: OAuthToken, progress: Progress): Promise<OAuthToken | undefined> {
    const { order, own, waitedFor, lease } = progress;
    const freshness = freshnessOf(token, order.wanted, Date.now());
    if (freshness === "fresh" || (freshness === "early" && !order.isEarly)) return token;
    checkRefreshable(token, this.#provider, this.#options, order.seen);
    const state = refreshStateOf(token);
    if (state?.status === "refreshing" && !waitedFor.has(state.attempt)) {
      waitedFor.add(state.attempt);
      await this.#waitForAnswer(token, lease);
      return undefined;
    }
    const marked = await this.#exchange.mark(token, order.wanted);
    if (marked !== undefined) own.add(refreshStateOf(marked)?.attempt ?? "");
    return marked;
  }

  // The process that marked the record has lost its lease. It may be alive and about to save its answer.
  async #waitForAnswer(token: OAuthToken, lease: Lease): Promise<void> {
    const until = performance.now() + this.#options.pendingMs;
    while (performance.now() < until && !lease.signal.aborted) {
      await pause(Math.min(POLL_MS, this.#options.pendingMs));
      const now = await this.#store.findTokenById(token.id!);
      if (now === null || seenOf(now) !== seenOf(token)) return;
    }
  }
}

/**
 * The lock that a refresh holds.
 * @param id the record's id
 * @returns the key for `withLock`
 */
export function lockKey(id: string): string {
  return `tokenkeep:refresh:${id}`;
}

function wasJustMarked(state: RefreshState): boolean {
  return Math.abs(Date.now() - state.at) < JUST_MS;
}

function isOwn({ own }: Progress, token: OAuthToken): boolean {
  const state = refreshStateOf(token);
  return state?.status === "refreshing" && own.has(state.attempt);
}

function isCode(error: unknown, code: TokenStoreErrorCode): boolean {
  return isTokenStoreError(error) && error.code === code;
}

function tooLate(id: string, timeoutMs: number): TokenStoreError {
  return new TokenStoreError(
    "ERR_PROVIDER",
    `There was no new access token within ${timeoutMs} ms. The refresh goes on, and its answer will be saved. Try again.`,
    { retryable: true, id },
  );
}
