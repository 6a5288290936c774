import {
  isTokenStoreError,
  OAuthToken,
  type TokenInput,
  type TokenStore,
  TokenStoreError,
} from "@tokenkeep/core";
import { checkMs, checkOptionNames, checkSignal, invalidOption } from "@tokenkeep/core/backend";
import { authorizedFetch } from "./authorized-fetch.js";
import { errorOfFailure, failureOf, loginRequired } from "./errors.js";
import { freshnessOf, type Wanted } from "./freshness.js";
import { type KeepAliveOptions, type KeepAliveResult, keepGrantsAlive } from "./keep-alive.js";
import {
  type CheckedManagerOptions,
  checkManagerOptions,
  checkProvider,
  checkStore,
  type TokenManagerOptions,
} from "./manager-options.js";
import { checkBelongs, checkRefreshable, seenOf } from "./may-refresh.js";
import type { Provider, TokenResponse } from "./provider.js";
import { nextState, refreshStateOf } from "./refresh-state.js";
import { Refresher } from "./refresher.js";
import { revokeRecord } from "./revocation.js";
import { conformedBy, lifetimeIn, propertiesOf } from "./token-changes.js";
import { tracedRefresh } from "./tracing.js";
import { UnsavedAnswers } from "./unsaved-answers.js";
import { tell, waitFor } from "./wait.js";

/** Names a record: a user's name and client, or an id, or a token that a store returned. */
export type User = TokenInput;

/** What a caller wants of a token. */
export interface GetTokenOptions {
  /** How long the access token must be valid, in milliseconds; by default the manager's `minValidityMs`. */
  readonly minValidityMs?: number | undefined;
  /**
   * The access token that an API refused. It is refreshed if the store still has this one, at most once in 30 s per
   * record.
   */
  readonly rejected?: string | undefined;
  /** Ends this caller's wait, never the refresh that others wait for. */
  readonly signal?: AbortSignal | undefined;
}

/** When an answer was asked for. */
export interface SaveResponseOptions {
  /** When the request was sent, in Unix milliseconds: `expires_in` counts from here. By default now. */
  readonly requestedAt?: number | undefined;
}

/** A refresh that is under way in this process. */
interface Flight {
  readonly done: Promise<OAuthToken>;
  readonly isEarly: boolean;
}

/**
 * Hands out valid access tokens of one provider, from one store. However many callers and processes ask, a record is
 * refreshed by one of them, and the others get its result.
 */
export class TokenManager {
  readonly #store: TokenStore;
  readonly #provider: Provider;
  readonly #options: CheckedManagerOptions;
  readonly #answers: UnsavedAnswers;
  readonly #refresher: Refresher;
  readonly #flights = new Map<string, Flight>();
  /** What `close` waits for besides refreshes. */
  readonly #others = new Set<Promise<unknown>>();
  readonly #wanted: Wanted;
  #isClosed = false;

  /**
   * Makes a manager; nothing is opened or sent yet.
   * @param store any token store that declares locks and revisions; it stays the caller's to close, after this
   * @param provider whose tokens they are
   * @param options how to work
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`; `ERR_UNSUPPORTED` for a store without locks or revisions
   */
  constructor(store: TokenStore, provider: Provider, options: TokenManagerOptions = {}) {
    checkStore(store);
    checkProvider(provider);
    this.#store = store;
    this.#provider = provider;
    this.#options = checkManagerOptions(options);
    this.#answers = new UnsavedAnswers(store);
    this.#refresher = new Refresher(store, provider, this.#options, this.#answers);
    this.#wanted = {
      minValidityMs: this.#options.minValidityMs,
      isExplicit: options.minValidityMs !== undefined,
    };
  }

  /**
   * Gives a valid access token.
   * @param user whose; left out for `clientCredentials`
   * @param options what is wanted of it
   * @returns the access token
   * @throws TokenStoreError as {@link TokenManager.getToken}
   */
  async getAccessToken(user?: User, options?: GetTokenOptions): Promise<string> {
    const token = await this.getToken(user, options);
    return token.accessToken!;
  }

  /**
   * Gives a record with a valid access token. One that is valid costs one find and no lock.
   * @param user whose; left out for `clientCredentials`
   * @param options what is wanted of it
   * @returns the record
   * @throws TokenStoreError `ERR_LOGIN_REQUIRED` where only a login helps; `ERR_PROVIDER` where the provider can't be
   *   asked now (retryable), or refuses the client or the record (not retryable); and the store's own errors
   */
  async getToken(user?: User, options?: GetTokenOptions): Promise<OAuthToken> {
    const wanted = options === undefined ? this.#wanted : this.#wantedOf(options);
    const token = await this.#find(user);
    if (token === null) return this.#withoutRecord(user, wanted, options?.signal);
    checkBelongs(token, this.#provider);
    const freshness = freshnessOf(token, wanted, Date.now());
    if (freshness === "fresh") return token;
    if (freshness === "early") return this.#refreshEarly(token, wanted, options?.signal);
    return this.#refreshed(token.id!, token, wanted, options?.signal);
  }

  /**
   * Makes a `fetch` that sends the user's access token, and repeats a request once with a new one if the API answers
   * 401.
   * @param user whose token; left out for `clientCredentials`
   * @returns a function like the global `fetch`
   */
  fetch(user?: User): typeof fetch {
    return authorizedFetch((options) => this.getToken(user, options), this.#options);
  }

  /**
   * Saves the answer of a login (RFC 6749, section 5.1), as the token endpoint sent it.
   * @param user the user that it is for, by name
   * @param response the parsed answer; `expires_in` becomes `expiresAt`
   * @param options when it was asked for
   * @returns the record
   * @throws TokenStoreError `ERR_PROVIDER` where the answer holds no token; and the store's own errors
   */
  async saveResponse(user: User, response: unknown, options: SaveResponseOptions = {}): Promise<OAuthToken> {
    this.#checkOpen();
    checkOptionNames("saveResponse", options, ["requestedAt"]);
    if (!user?.userSignature?.name && !user?.id) {
      throw new TokenStoreError(
        "ERR_INVALID_TOKEN",
        "saveResponse needs the user's name or the record's id.",
        {
          property: "userSignature",
        },
      );
    }
    const requestedAt = options.requestedAt ?? Date.now();
    const answer = this.#conformed(response);
    const previous = await this.#store.findToken(this.#queryOf(user));
    const lifetimeMs = lifetimeIn(answer, this.#provider);
    const state = {
      status: "ok" as const,
      attempt: crypto.randomUUID(),
      at: Date.now(),
      refreshedAt: requestedAt,
      ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    };
    const changes: TokenInput = {
      ...propertiesOf(answer, requestedAt, lifetimeMs),
      ...(this.#provider.issuer === undefined ? {} : { issuer: this.#provider.issuer }),
      // Without a new refresh token, the old one is as good or as dead as before.
      ...(answer.refresh_token === undefined
        ? {}
        : { refreshState: nextState(new OAuthToken(), answer.refresh_token, state) }),
    };
    const clientId = user.clientId || this.#provider.clientId;
    const token = user instanceof OAuthToken ? user.with(changes) : { ...user, ...changes };
    const saved = await this.#store.saveToken(clientId === undefined ? token : withClient(token, clientId));
    const before = previous === null ? undefined : refreshStateOf(previous)?.status;
    if (answer.refresh_token !== undefined && (before === "login-required" || before === "failing")) {
      tell(() => this.#options.onRecovered(saved));
    }
    return saved;
  }

  /**
   * Revokes the user's token at the provider (RFC 7009), then deletes the record. It waits for a refresh under way.
   * @param user whose; left out for `clientCredentials`
   * @throws TokenStoreError `ERR_PROVIDER` where the provider could not be asked: the record is still there;
   *   `ERR_UNSUPPORTED` where the provider can't revoke; and the store's own errors
   */
  async revoke(user?: User): Promise<void> {
    const token = await this.#find(user);
    if (token === null) return;
    await this.#tracked(revokeRecord(token.id!, this.#store, this.#provider, this.#options, this.#answers));
  }

  /**
   * Refreshes grants that were not used for long, before the provider lets them end. Records of other issuers and
   * clients are left alone, and so are those whose user has to log in.
   * @param options how long is long, and what ends it
   * @returns how many records were refreshed, and how many failed
   */
  async keepAlive(options: KeepAliveOptions): Promise<KeepAliveResult> {
    this.#checkOpen();
    return keepGrantsAlive(this.#store, this.#provider, options, (token, wanted) => {
      const { done } = this.#flights.get(token.id!) ?? this.#fly(token.id!, token, wanted, true);
      return done;
    });
  }

  /**
   * Waits for refreshes under way, and for answers of the provider that the store could not save yet. May be called
   * twice; later calls of other methods are `ERR_STORE_CLOSED`. Close the store after it.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#flights.size > 0 || this.#others.size > 0 || this.#answers.size > 0) {
      await Promise.allSettled([...this.#flights.values()].map(({ done }) => done));
      await Promise.allSettled(this.#others);
      await this.#answers.saved();
    }
  }

  /** Closes at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #withoutRecord(
    user: User | undefined,
    wanted: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<OAuthToken> {
    const { machineTokenId } = this.#provider;
    if (machineTokenId !== undefined) {
      return this.#refreshed(machineTokenId, this.#refresher.unstoredToken(), wanted, signal);
    }
    const { userSignature, clientId, id } = user ?? {};
    throw loginRequired(
      new OAuthToken({ userSignature, clientId, id }),
      "there is no token of this user and client. Send the user through the login, then call saveResponse.",
    );
  }

  // Who starts the early refresh may wait for it. Everybody else gets the token that is still valid.
  async #refreshEarly(
    token: OAuthToken,
    wanted: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<OAuthToken> {
    const id = token.id!;
    if (this.#flights.has(id)) return token;
    try {
      checkRefreshable(token, this.#provider, this.#options, seenOf(token));
    } catch {
      return token;
    }
    const { done } = this.#fly(id, token, wanted, true);
    const validMs = Math.min(this.#options.timeoutMs, Math.max(0, (token.expiresAt ?? 0) - Date.now()));
    try {
      return await waitFor(done, validMs, signal, () => token);
    } catch (error) {
      if (signal?.aborted) throw error;
      return token;
    }
  }

  async #refreshed(
    id: string,
    token: OAuthToken,
    wanted: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<OAuthToken> {
    const order = { id, wanted, seen: seenOf(token), isEarly: false };
    const until = performance.now() + this.#options.timeoutMs;
    for (;;) {
      const current = this.#flights.get(id);
      const { done, isEarly } = current ?? this.#fly(id, token, wanted, false);
      try {
        const waitMs = Math.max(0, until - performance.now());
        const result = await waitFor(done, waitMs, signal, () => this.#refresher.afterWait(order));
        // It may be what somebody with smaller wishes waited for.
        if (current === undefined || freshnessOf(result, wanted, Date.now()) !== "stale") return result;
      } catch (error) {
        // An early refresh gives way to another process's; this caller can't.
        const gaveWay = isEarly && isTokenStoreError(error) && error.code === "ERR_LOCK_TIMEOUT";
        if (!gaveWay || signal?.aborted) throw error;
      }
    }
  }

  #fly(id: string, token: OAuthToken, wanted: Wanted, isEarly: boolean): Flight {
    const order = { id, wanted, seen: seenOf(token), isEarly };
    const done = tracedRefresh(this.#store, this.#provider, id, () => this.#refresher.refresh(order)).finally(
      () => {
        if (this.#flights.get(id) === flight) this.#flights.delete(id);
      },
    );
    done.catch(() => {}); // everybody may have stopped waiting
    const flight: Flight = { done, isEarly };
    this.#flights.set(id, flight);
    return flight;
  }

  #find(user: User | undefined): Promise<OAuthToken | null> {
    this.#checkOpen();
    const { machineTokenId } = this.#provider;
    if (machineTokenId === undefined) return this.#store.findToken(this.#queryOf(user as User));
    if (user !== undefined) {
      throw invalidOption("This manager has the program's own token: ask without a user.");
    }
    return this.#store.findTokenById(machineTokenId);
  }

  // Without a client a lookup would find the record of any client of this user.
  #queryOf(user: User): TokenInput {
    const { clientId } = this.#provider;
    if (clientId === undefined || !user || user.id || user.clientId || user instanceof OAuthToken)
      return user;
    return { ...user, clientId };
  }

  #wantedOf(options: GetTokenOptions): Wanted {
    checkOptionNames("getToken", options, ["minValidityMs", "rejected", "signal"]);
    const { minValidityMs, rejected, signal } = options;
    checkSignal(signal);
    signal?.throwIfAborted();
    if (rejected !== undefined && typeof rejected !== "string") {
      throw invalidOption("rejected must be the access token that the API refused.");
    }
    const isExplicit = minValidityMs !== undefined || this.#wanted.isExplicit;
    const validityMs = minValidityMs === undefined ? this.#wanted.minValidityMs : minValidityMs;
    return { minValidityMs: checkMs("minValidityMs", validityMs, 0), isExplicit, rejected };
  }

  #conformed(response: unknown): TokenResponse {
    try {
      return conformedBy(this.#provider, response);
    } catch (error) {
      throw errorOfFailure(failureOf(error, "client", []), new OAuthToken());
    }
  }

  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#others.add(work);
    try {
      return await work;
    } finally {
      this.#others.delete(work);
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new TokenStoreError("ERR_STORE_CLOSED", "The token manager is closed.");
  }
}

function withClient(token: TokenInput, clientId: string): TokenInput {
  return token instanceof OAuthToken ? token.with({ clientId }) : { ...token, clientId };
}
