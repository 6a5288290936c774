import { randomUUID } from "node:crypto";
import { isTokenStoreError, type Lease, OAuthToken, type TokenStore } from "@tokenkeep/core";
import { pauseAfter } from "./backoff.js";
import { classifyError, isProviderError } from "./classify.js";
import { errorOfFailure, failureOf, loginRequired } from "./errors.js";
import type { Wanted } from "./freshness.js";
import type { CheckedManagerOptions } from "./manager-options.js";
import type { FailureKind, Provider, TokenResponse } from "./provider.js";
import { secretsOf } from "./provider-secrets.js";
import { nextState, type RefreshState, refreshStateOf } from "./refresh-state.js";
import { changesOf, conformedBy } from "./token-changes.js";
import type { UnsavedAnswers } from "./unsaved-answers.js";
import { pause, tell, waitFor } from "./wait.js";

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
export interface Progress {
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
  /** How many requests had no answer. */
  lost: number;
}

/** One request to the provider, from the mark in the record to its answer there. Its caller holds the lock. */
export class Exchange {
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
   * Reads a record.
   * @throws TokenStoreError `ERR_LOGIN_REQUIRED` where it is gone
   */
  async read(id: string): Promise<OAuthToken> {
    const token = await this.#store.findTokenById(id);
    if (token !== null) return token;
    if (id === this.#provider.machineTokenId) return this.unstoredToken();
    throw loginRequired(new OAuthToken({ id }), "the record was deleted.");
  }

  /** The program's own token before there is a record of it. */
  unstoredToken(): OAuthToken {
    const { machineTokenId, clientId } = this.#provider;
    return new OAuthToken({ id: machineTokenId, clientId, refreshState: this.#machineState });
  }

  /**
   * Marks the record before its refresh token is sent. Of several processes one succeeds, which is cheaper than to let
   * all of them ask for the lock. A store that takes no writes shows here, before the grant is used.
   * @returns the marked record; undefined where it has changed, and has to be looked at again
   */
  async mark(token: OAuthToken, wanted: Wanted): Promise<OAuthToken | undefined> {
    const refreshState = nextState(token, token.refreshToken, {
      status: "refreshing",
      attempt: randomUUID(),
      at: Date.now(),
      failures: refreshStateOf(token)?.failures ?? 0,
      ...(wanted.rejected === undefined ? {} : { rejectedAt: Date.now() }),
    });
    const marked = token.with({ refreshState });
    if (token.revision === null) return marked;
    try {
      return await this.#store.saveToken(marked, { ifRevision: token.revision });
    } catch (error) {
      if (isTokenStoreError(error) && error.code === "ERR_CONFLICT") return undefined;
      throw error;
    }
  }

  /**
   * Makes one request, and stores its answer.
   * @param marked the record with the mark of this order
   * @param progress what the order has done so far
   * @returns the record with its new access token; undefined where it has to be looked at again
   */
  async run(marked: OAuthToken, progress: Progress): Promise<OAuthToken | undefined> {
    // let the lease's timer say so if the process was stopped meanwhile
    if (performance.now() - progress.startedAt > GAP_MS) await pause(1);
    progress.lease.signal.throwIfAborted();
    const sentAt = Date.now();
    let response: TokenResponse;
    try {
      response = conformedBy(this.#provider, await this.#request(marked, sentAt));
    } catch (error) {
      return this.#failed(error, marked, progress);
    }
    return this.#save(response, marked, sentAt);
  }

  async #request(marked: OAuthToken, sentAt: number): Promise<unknown> {
    const { requestTimeoutMs } = this.#options;
    const signal = AbortSignal.timeout(requestTimeoutMs);
    const answer = (async () => this.#provider.refresh(marked, { signal }))();
    // The signal ends the request; a provider that doesn't listen to it is given up a little later.
    return waitFor(answer, requestTimeoutMs + GAP_MS, undefined, () => {
      void answer
        .then((late) => this.#save(conformedBy(this.#provider, late), marked, sentAt))
        .catch(() => {});
      throw new DOMException("The provider did not answer in time.", "TimeoutError");
    });
  }

  async #save(response: TokenResponse, marked: OAuthToken, sentAt: number): Promise<OAuthToken | undefined> {
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
    if ((refreshStateOf(marked)?.failures ?? 0) > 0) tell(() => this.#options.onRecovered(token));
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
      const now = await this.read(marked.id!);
      if (now.refreshToken !== marked.refreshToken) return undefined;
    }
    const failures = (progress.failures ?? refreshStateOf(marked)?.failures ?? 0) + 1;
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
    if (kind === "login") tell(() => this.#options.onLoginRequired(kept ?? marked, thrown));
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
}

function attemptOf(marked: OAuthToken): string {
  return refreshStateOf(marked)?.attempt ?? "";
}
