import type { Backend, MaybePromise, Place } from "./backend.js";
import { isTokenStoreError, TokenStoreError, withoutSecrets } from "./errors.js";
import { checkId, checkLockKey, type TokenFields } from "./fields.js";
import { showAs } from "./inspect.js";
import { Line } from "./line.js";
import { Locks, Wait } from "./locks.js";
import { look } from "./look.js";
import { type Lookup, lookupsFor } from "./lookups.js";
import { checkStoreOptions, invalidOption, type StoreOptions } from "./options.js";
import { Recent } from "./recent.js";
import type { TokenRecord } from "./record.js";
import { isDecisive, matchOf } from "./rules.js";
import { checkRevision, save } from "./save.js";
import { isPromise, type TimeLimit, TimeLimits } from "./time-limit.js";
import { fieldsOf, type OAuthToken, SECRETS, type TokenInput, tokenOf } from "./token.js";
import type { Capabilities, Lease, LockOptions, SaveOptions, TokenStore } from "./token-store.js";

/** How many records `tokens()` holds at a time. */
const PAGE = 256;

/**
 * A whole `TokenStore` over a {@link Backend}: it validates, matches, merges, counts revisions, tries again
 * after a lost race, keeps time limits, locks, and closes.
 *
 * A find is one read, or two where the record that was found before is gone. A save is a read and a conditional write,
 * or the write alone where this store has found or saved the record a moment ago; more only where another save came
 * between.
 */
export class BaseTokenStore implements TokenStore {
  readonly capabilities: Capabilities;
  readonly #backend: Backend;
  readonly #timeoutMs: number;
  readonly #limits: TimeLimits;
  readonly #saves = new Line();
  readonly #recent = new Recent();
  readonly #locks: Locks | undefined;
  #state: "new" | "open" | "closed" = "new";
  #wasUsed = false;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #underWay = 0;
  #whenIdle: (() => void) | undefined;

  /**
   * @param backend where the records are kept; this store closes it
   * @param options those that every store has, checked here once more
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(backend: Backend, options: StoreOptions = {}) {
    const { timeoutMs, leaseMs } = checkStoreOptions(options, []);
    this.#backend = backend;
    this.#timeoutMs = timeoutMs;
    this.#limits = new TimeLimits(timeoutMs, backend.name);
    const { leases } = backend;
    if (leases !== undefined) {
      const explain = (error: unknown) => this.#explain(error, []);
      this.#locks = new Locks(leases, { name: backend.name, leaseMs, limits: this.#limits, explain });
    }
    this.capabilities = Object.freeze({
      durable: backend.durable,
      shared: backend.shared,
      revisions: true,
      locks: leases !== undefined,
      namespaces: backend.namespaces,
      iteration: true,
    });
  }

  async findToken(query: TokenInput): Promise<OAuthToken | null> {
    const fields = fieldsOf(query);
    const lookups = lookupsFor(fields, false);
    const settles = (record: TokenRecord) => isDecisive(record, fields);
    const pick = (records: TokenRecord[]) => matchOf(records, fields, false);
    return this.#call([fields], () => (lookups.length === 0 ? null : this.#find(lookups, settles, pick)));
  }

  async findTokenById(id: string): Promise<OAuthToken | null> {
    const lookups = [{ kind: "id", key: checkId(id) }] as const;
    return this.#call([], () =>
      this.#find(
        lookups,
        () => true,
        ([record]) => record,
      ),
    );
  }

  #find(
    lookups: readonly Lookup[],
    settles: (record: TokenRecord) => boolean,
    pick: (records: TokenRecord[]) => TokenRecord | undefined,
  ): MaybePromise<OAuthToken | null> {
    const found = look(this.#backend, lookups, settles, this.#recent);
    if (!isPromise(found)) return tokenOrNull(pick(found));
    return found.then((records) => {
      const record = pick(records);
      if (record !== undefined) {
        const first = lookups[0]!;
        // a match that has a client has the one of the query, and so its key
        const isFirst = first.kind === "userClient" && record.userName !== null && record.clientId !== null;
        this.#recent.remember(record, isFirst ? first.key : null);
      }
      return tokenOrNull(record);
    });
  }

  async saveToken(token: TokenInput, options: SaveOptions = {}): Promise<OAuthToken> {
    const fields = fieldsOf(token);
    const ifRevision = checkRevision(options);
    const limit = this.#limits.start();
    const seen: TokenFields[] = [fields];
    const ways = lookupsFor(fields, true);
    // Callers of this process that save one token wait for each other here instead of racing for the record.
    const turn = this.#saves.join(ways[0]?.key ?? "");
    try {
      return await this.#call(
        seen,
        async () => {
          if (turn.ahead !== undefined) await turn.ahead;
          return tokenOf(
            await save(this.#backend, { given: fields, ways, ifRevision, limit, recent: this.#recent, seen }),
          );
        },
        limit,
      );
    } finally {
      // in time also where the backend never answers: who stands behind must get a turn
      turn.leave();
    }
  }

  async deleteToken(id: string): Promise<void> {
    const checked = checkId(id);
    this.#recent.forget(checked);
    await this.#call([], () => this.#backend.remove(checked));
  }

  async deleteTokens(): Promise<void> {
    this.#recent.forgetAll();
    await this.#call([], () => this.#backend.clear());
  }

  async getTokens(): Promise<OAuthToken[]> {
    return (await this.#page(null, null)).map(tokenOf);
  }

  async *tokens(): AsyncGenerator<OAuthToken, void, undefined> {
    let after: Place | null = null;
    for (;;) {
      const page: TokenRecord[] = await this.#page(after, PAGE);
      for (const record of page) yield tokenOf(record);
      const last: TokenRecord | undefined = page[PAGE - 1];
      if (last === undefined) return;
      after = { createdAt: last.createdAt, id: last.id };
    }
  }

  #page(after: Place | null, limit: number | null): Promise<TokenRecord[]> {
    return this.#call([], () => this.#backend.scan(after, limit));
  }

  async withLock<T>(
    key: string,
    work: (lease: Lease) => T | Promise<T>,
    options: LockOptions = {},
  ): Promise<T> {
    const locks = this.#locks;
    if (locks === undefined) {
      throw new TokenStoreError("ERR_UNSUPPORTED", `${this.#backend.name}: this store has no locks.`);
    }
    checkLockKey(key);
    if (typeof work !== "function") throw invalidOption("The work of withLock must be a function.");
    const wait = new Wait(options, this.#timeoutMs);
    // like #call, but what the work throws is the caller's own and passes as it is
    this.#enter();
    try {
      await this.#open(this.#limits.start()).catch((error) => {
        throw this.#explain(error, []);
      });
      return await locks.hold(key, work, wait);
    } finally {
      this.#leave();
    }
  }

  /** Opens the backend, if that was not done yet: for what a store has besides the contract. */
  protected async ready(): Promise<void> {
    await this.#call([], () => undefined);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closes: `await using store = …`, where the language has it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#state = "closed";
    this.#recent.forgetAll();
    this.#locks?.stopWaiting(closedError());
    try {
      if (this.#underWay > 0) {
        const idle = new Promise<void>((resolve) => {
          this.#whenIdle = resolve;
        });
        // a holder of a lock that closes the store inside its work would wait for itself
        await this.#limits.race(idle).catch(() => {});
        await this.#locks?.drop();
      }
      if (!this.#wasUsed) return;
      await this.#limits.race((async () => this.#backend.close())());
    } catch (error) {
      throw this.#explain(error, []);
    }
  }

  /** Runs one call: opens first, keeps the time limit, and turns what goes wrong into a TokenStoreError. */
  async #call<T>(seen: readonly TokenFields[], work: () => MaybePromise<T>, given?: TimeLimit): Promise<T> {
    this.#enter();
    try {
      let limit = given;
      if (this.#state === "new") {
        limit ??= this.#limits.start();
        await this.#open(limit);
      }
      const result = work();
      // what is there already needs no limit, and no clock
      return isPromise(result) ? await (limit ?? this.#limits.start()).race(result) : result;
    } catch (error) {
      throw this.#explain(error, seen);
    } finally {
      this.#leave();
    }
  }

  #enter(): void {
    if (this.#state === "closed") throw closedError();
    this.#underWay++;
  }

  #leave(): void {
    this.#underWay--;
    if (this.#underWay === 0) this.#whenIdle?.();
  }

  // Callers that come meanwhile share one attempt. Where it fails, or does not end in time, the next call
  // makes another.
  async #open(limit: TimeLimit): Promise<void> {
    if (this.#state === "open") return;
    this.#wasUsed = true;
    if (this.#opening === undefined) {
      const opening = this.#attemptToOpen();
      this.#opening = opening;
      opening.catch(() => {
        this.#opening = undefined;
      });
    }
    await limit.race(this.#opening);
  }

  async #attemptToOpen(): Promise<void> {
    const opening = this.#backend.open();
    if (isPromise(opening)) await this.#limits.race(opening);
    if (this.#state === "new") this.#state = "open";
  }

  #explain(error: unknown, seen: readonly TokenFields[]): TokenStoreError {
    if (isTokenStoreError(error)) return error;
    const secrets = [...(this.#backend.secrets ?? [])];
    for (const fields of seen) {
      for (const secret of SECRETS) {
        const value = fields[secret];
        if (value !== null) secrets.push(value);
      }
    }
    const cause = withoutSecrets(error, secrets);
    const explained = this.#backend.explain?.(error);
    const code = explained?.code ?? "ERR_UNAVAILABLE";
    const message =
      explained?.message ?? `${this.#backend.name}: ${cause.message}. Check the backend and try again.`;
    return new TokenStoreError(code, withoutSecrets(new Error(message), secrets).message, {
      cause,
      ...(explained === undefined ? {} : { retryable: explained.retryable }),
    });
  }

  /**
   * What a template literal shows.
   * @returns the class and whether the store is open
   */
  toString(): string {
    return `${this.constructor.name} (${this.#state})`;
  }

  /**
   * What `JSON.stringify` and the console show. Nothing of the options: a URL may hold a password.
   * @returns the class and what the store can do
   */
  toJSON(): { store: string; capabilities: Capabilities } {
    return { store: this.constructor.name, capabilities: this.capabilities };
  }

  static {
    showAs(BaseTokenStore, String);
  }
}

function tokenOrNull(record: TokenRecord | undefined): OAuthToken | null {
  return record === undefined ? null : tokenOf(record);
}

function closedError(): TokenStoreError {
  return new TokenStoreError("ERR_STORE_CLOSED", "The store is closed. Make a new one.");
}
