import { randomUUID } from "node:crypto";
import {
  isTokenStoreError,
  type Lease,
  OAuthToken,
  type TokenStore,
  TokenStoreError,
  type TokenStoreErrorCode,
} from "@tokenkeep/core";
import { pauseAfter } from "./backoff.js";
import { classifyError, isProviderError } from "./classify.js";
import { errorOfFailure, failureOf, loginRequired } from "./errors.js";
import { freshnessOf, type Wanted } from "./freshness.js";
import type { CheckedManagerOptions } from "./manager-options.js";
import { checkRefreshable } from "./may-refresh.js";
import type { FailureKind, Provider, TokenResponse } from "./provider.js";
import { secretsOf } from "./provider-secrets.js";
import { nextState, type RefreshState, refreshStateOf } from "./refresh-state.js";
import { changesOf, conformedBy } from "./token-changes.js";
import type { UnsavedAnswers } from "./unsaved-answers.js";
import { pause, waitFor } from "./wait.js";

/** The pauses between two looks at a record that somebody else refreshes, in milliseconds; they grow. */
const FIRST_LOOK_MS = 20;
const LAST_LOOK_MS = 250;

/** How long to watch a record before trying the lock again: its holder may have died. In milliseconds. */
const WATCH_MS = 600;

/** How often to look for the answer of a process that seems to have died, in milliseconds. */
const POLL_MS = 100;

/** How often one call repeats a request whose answer was lost. */
const MAX_REPEATS = 2;

/** After a gap of this length the process may have been stopped, and its lease may be over; in milliseconds. */
const GAP_MS = 1_000;

/** One refresh that is to be made. */
export interface RefreshOrder {
  readonly id: string;
  readonly wanted: Wanted;
  /** What the record's state was when it was ordered: a failure since then is the result of this order too. */
  readonly seen: string;
  /** The access token is still valid: don't wait for somebody else's refresh. */
  readonly isEarly: boolean;
}

/** What one order has done so far. */
interface Progress {
  readonly order: RefreshOrder;
  readonly lease: Lease;
  /** The attempts of this order. */
  readonly own: Set<string>;
  /** The attempts of others whose answer was waited for. */
  readonly waitedFor: Set<string>;
  /** When the last request may begin, by `performance.now()`. */
  readonly repeatUntil: number;
  readonly startedAt: number;
  /** How many refreshes of this record have failed in a row, once this order has failed too. */
  failures: number | undefined;
  lost: number;
  /** The record's last refresh had failed before this order. */
  hadFailed: boolean;
}

/** Refreshes records, one at a time each, among all processes on the store. */
export class Refresher {
  readonly #store: TokenStore;
  readonly #provider: Provider;
  readonly #options: CheckedManagerOptions;
  readonly #answers: UnsavedAnswers;
  /** A machine token that was never stored has no record to keep its failures in. */
  #machineState: OAuthToken["refreshState"] = null;

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
  }

  /**
   * Makes a refresh, or gets the result of whoever makes it.
   * @returns the record with its new access token
   */
  async refresh(order: RefreshOrder): Promise<OAuthToken> {
    const until = performance.now() + this.#options.timeoutMs;
    for (;;) {
      const refreshed = await this.#tryToRefresh(order);
      if (refreshed !== undefined) return refreshed;
      const found = await this.#watch(order, Math.min(until, performance.now() + WATCH_MS));
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
    let work: Promise<OAuthToken> | undefined;
    try {
      return await this.#store.withLock(
        lockKey(order.id),
        (lease) => {
          work = this.#whileLocked(order, lease);
          return work;
        },
        { timeoutMs: 0, maxHoldMs: this.#options.maxHoldMs },
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

  // A look at the record is cheaper than a place in the lock's queue, and shows the result just as well.
  async #watch(order: RefreshOrder, until: number): Promise<OAuthToken | undefined> {
    for (
      let pauseMs = FIRST_LOOK_MS;
      performance.now() < until;
      pauseMs = Math.min(pauseMs * 1.5, LAST_LOOK_MS)
    ) {
      await pause(pauseMs * (0.5 + Math.random()));
      const found = await this.#look(order);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #look(order: RefreshOrder): Promise<OAuthToken | undefined> {
    const token = await this.#read(order.id);
    if (freshnessOf(token, order.wanted, Date.now()) !== "stale") return token;
    checkRefreshable(token, this.#provider, this.#options, order.seen);
    return undefined;
  }

  async #whileLocked(order: RefreshOrder, lease: Lease): Promise<OAuthToken> {
    const startedAt = performance.now();
    const progress: Progress = {
      order,
      lease,
      own: new Set(),
      waitedFor: new Set(),
      startedAt,
      repeatUntil: startedAt + this.#options.requestTimeoutMs,
      failures: undefined,
      lost: 0,
      hadFailed: false,
    };
    for (;;) {
      await this.#answers.flush(order.id);
      const token = await this.#read(order.id);
      const freshness = freshnessOf(token, order.wanted, Date.now());
      if (freshness === "fresh" || (freshness === "early" && !order.isEarly)) return token;
      const state = refreshStateOf(token);
      if (state === undefined || !progress.own.has(state.attempt)) {
        checkRefreshable(token, this.#provider, this.#options, order.seen);
      }
      if (state?.status === "refreshing" && !isKnown(progress, state)) {
        progress.waitedFor.add(state.attempt);
        await this.#waitForAnswer(token, lease);
        continue;
      }
      const marked = await this.#mark(token, progress);
      const refreshed = marked === undefined ? undefined : await this.#ask(marked, progress);
      if (refreshed !== undefined) return refreshed;
    }
  }

  async #read(id: string): Promise<OAuthToken> {
    const token = await this.#store.findTokenById(id);
    if (token !== null) return token;
    if (id !== this.#provider.machineTokenId)
      throw loginRequired(new OAuthToken({ id }), "the record was deleted.");
    return this.unstoredToken();
  }

  /** The program's own token before there is a record of it. */
  unstoredToken(): OAuthToken {
    const { machineTokenId, clientId } = this.#provider;
    return new OAuthToken({ id: machineTokenId, clientId, refreshState: this.#machineState });
  }

  // The process that marked the record has lost its lease. It may be alive and about to save its answer.
  async #waitForAnswer(token: OAuthToken, lease: Lease): Promise<void> {
    const until = performance.now() + this.#options.pendingMs;
    while (performance.now() < until && !lease.signal.aborted) {
      await pause(Math.min(POLL_MS, this.#options.pendingMs));
      const now = await this.#store.findTokenById(token.id!);
      if (now?.revision !== token.revision) return;
    }
  }

  /**
   * Marks the record before its refresh token is sent, so that a store that takes no writes shows before the grant is
   * used.
   * @returns the marked record; undefined where it has changed, and has to be looked at again
   */
  async #mark(token: OAuthToken, progress: Progress): Promise<OAuthToken | undefined> {
    const { order, own, lease, failures } = progress;
    const begunAt = performance.now();
    const attempt = randomUUID();
    own.add(attempt);
    const state = refreshStateOf(token);
    if (state?.failure !== undefined) progress.hadFailed = true;
    const refreshState = nextState(token, token.refreshToken, {
      status: "refreshing",
      attempt,
      at: Date.now(),
      failures: failures ?? state?.failures ?? 0,
      ...(order.wanted.rejected === undefined ? {} : { rejectedAt: Date.now() }),
    });
    let marked = token.with({ refreshState });
    if (token.revision !== null) {
      try {
        marked = await this.#store.saveToken(marked, { ifRevision: token.revision });
      } catch (error) {
        if (isTokenStoreError(error) && error.code === "ERR_CONFLICT") return undefined;
        throw error;
      }
    }
    // let the lease's timer say so if the process was stopped meanwhile
    if (performance.now() - begunAt > GAP_MS) await pause(1);
    lease.signal.throwIfAborted();
    return marked;
  }

  /** Makes one request. Returns undefined where the record has to be looked at again. */
  async #ask(marked: OAuthToken, progress: Progress): Promise<OAuthToken | undefined> {
    const sentAt = Date.now();
    let response: TokenResponse;
    try {
      response = conformedBy(this.#provider, await this.#request(marked, sentAt));
    } catch (error) {
      return this.#failed(error, marked, progress);
    }
    return this.#save(response, marked, sentAt, progress.hadFailed);
  }

  async #request(marked: OAuthToken, sentAt: number): Promise<unknown> {
    const { requestTimeoutMs } = this.#options;
    const signal = AbortSignal.timeout(requestTimeoutMs);
    const answer = (async () => this.#provider.refresh(marked, { signal }))();
    // The signal ends the request; a provider that doesn't listen to it is given up a little later.
    return waitFor(answer, requestTimeoutMs + GAP_MS, undefined, () => {
      void answer
        .then((late) => this.#save(conformedBy(this.#provider, late), marked, sentAt, true))
        .catch(() => {});
      throw new DOMException("The provider did not answer in time.", "TimeoutError");
    });
  }

  async #save(
    response: TokenResponse,
    marked: OAuthToken,
    sentAt: number,
    hadFailed: boolean,
  ): Promise<OAuthToken | undefined> {
    const changes = changesOf(response, marked, sentAt, this.#provider);
    const saved = await this.#answers.save({ sent: marked, changes });
    if (saved.outcome === "superseded") return undefined;
    if (saved.outcome === "deleted") return this.#disown(response, marked);
    const { token } = saved;
    const state = refreshStateOf(token);
    if (state?.status === "failing" && state.failure !== undefined) {
      throw errorOfFailure(state.failure, token, state.notBefore);
    }
    if (token.accessToken === null) {
      throw errorOfFailure(
        {
          kind: "failed",
          message: "The access token belongs to another record already. Delete one of them.",
        },
        token,
      );
    }
    if (hadFailed) this.#tell(() => this.#options.onRecovered(token));
    return token;
  }

  // The record was deleted while its refresh was under way: nobody wants what was received.
  async #disown(response: TokenResponse, marked: OAuthToken): Promise<undefined> {
    if (marked.id === this.#provider.machineTokenId) return undefined;
    const received = marked.with({
      refreshToken: response.refresh_token ?? marked.refreshToken,
      accessToken: response.access_token ?? null,
    });
    const signal = AbortSignal.timeout(this.#options.requestTimeoutMs);
    try {
      await this.#provider.revoke?.(received, { signal });
    } catch {
      // the record is gone, and with it the only way to try again
    }
    throw loginRequired(marked, "the record was deleted while it was refreshed.");
  }

  /** Returns undefined where another request may be made, or the record has to be looked at again. */
  async #failed(error: unknown, marked: OAuthToken, progress: Progress): Promise<undefined> {
    if (isTokenStoreError(error)) {
      await this.#keepState(marked, { status: "ok", attempt: attemptOf(marked), at: Date.now() });
      throw error;
    }
    const kind = this.#kindOf(error);
    const failure = failureOf(error, kind, secretsOf(marked));
    if (kind === "login") {
      const now = await this.#read(marked.id!);
      if (now.refreshToken !== marked.refreshToken) return undefined;
    }
    const failures = (refreshStateOf(marked)?.failures ?? 0) + 1;
    const waitMs = this.#pauseOf(error, kind, failures, progress);
    if (this.#mayRepeat(kind, waitMs, progress)) {
      progress.failures = failures;
      await pause(waitMs);
      return undefined;
    }
    const notBefore = Date.now() + waitMs;
    const kept = await this.#keepState(marked, {
      status: kind === "login" ? "login-required" : "failing",
      attempt: attemptOf(marked),
      at: Date.now(),
      failures,
      ...(kind === "login" ? {} : { notBefore }),
      failure,
    });
    const thrown = errorOfFailure(failure, marked, kind === "login" ? undefined : notBefore);
    if (kind === "login") this.#tell(() => this.#options.onLoginRequired(kept ?? marked, thrown));
    throw thrown;
  }

  #kindOf(error: unknown): FailureKind {
    let kind: FailureKind;
    try {
      kind = this.#provider.classify?.(error) ?? classifyError(error);
    } catch {
      kind = classifyError(error);
    }
    // without a user there is nobody who could log in
    return kind === "login" && this.#provider.machineTokenId !== undefined ? "client" : kind;
  }

  #pauseOf(error: unknown, kind: FailureKind, failures: number, progress: Progress): number {
    if (kind === "client" || kind === "login") return 0;
    const { rotation } = this.#provider;
    // the old refresh token is good for a short time only
    if (kind === "lost" && typeof rotation === "object" && progress.lost < MAX_REPEATS) return 0;
    return pauseAfter(failures, isProviderError(error) ? error.retryAfterMs : undefined);
  }

  #mayRepeat(kind: FailureKind, waitMs: number, progress: Progress): boolean {
    if (progress.lease.signal.aborted || performance.now() + waitMs > progress.repeatUntil) return false;
    if (kind === "not-sent" || kind === "busy") return true;
    const { rotation } = this.#provider;
    if (kind !== "lost" || rotation === "strict" || progress.lost++ >= MAX_REPEATS) return false;
    return rotation === "none" || performance.now() + waitMs - progress.startedAt < rotation.reuseWithinMs;
  }

  /** Replaces the mark. Returns undefined where that failed, or somebody else has written since. */
  async #keepState(
    marked: OAuthToken,
    changes: Omit<RefreshState, "token">,
  ): Promise<OAuthToken | undefined> {
    if (marked.revision === null) {
      this.#machineState = nextState(marked, marked.refreshToken, changes);
      return marked;
    }
    try {
      let current = marked;
      for (let attempt = 1; attempt <= 5; attempt++) {
        const refreshState = nextState(current, marked.refreshToken, changes);
        try {
          return await this.#store.saveToken(current.with({ refreshState }), {
            ifRevision: current.revision ?? 0,
          });
        } catch (error) {
          if (!isTokenStoreError(error) || error.code !== "ERR_CONFLICT") throw error;
        }
        const now = await this.#store.findTokenById(marked.id!);
        if (now === null || refreshStateOf(now)?.attempt !== changes.attempt) return undefined;
        current = now;
      }
    } catch {
      // The store can't keep it. The failure itself is what callers have to know.
    }
    return undefined;
  }

  // A callback that throws is the program's bug, not the caller's.
  #tell(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
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

function isKnown({ own, waitedFor }: Progress, { attempt }: RefreshState): boolean {
  return own.has(attempt) || waitedFor.has(attempt);
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

function attemptOf(marked: OAuthToken): string {
  return refreshStateOf(marked)?.attempt ?? "";
}
