import { setImmediate as nextTurn } from "node:timers/promises";
import type { Backend, Cursor, MaybePromise } from "./backend.js";
import { chain } from "./chain.js";
import { checkId, checkLockKey } from "./checks.js";
import { Deadline, isPromise } from "./deadline.js";
import { SealedBackend } from "./encryption/sealed-backend.js";
import { giveStoredAccess } from "./encryption/stored-access.js";
import { codeOf, isTokenStoreError, redact, redactor, TokenStoreError } from "./errors.js";
import { showAs } from "./inspect.js";
import { KeyedQueue } from "./keyed-queue.js";
import { checkLockOptions, Locks } from "./locks.js";
import { type Lookup, lookupsFor } from "./lookups.js";
import {
  checkOptionNames,
  checkStoreOptions,
  invalidOption,
  type PersistentStoreOptions,
} from "./options.js";
import { SECRETS, type TokenFields } from "./properties.js";
import type { TokenRecord } from "./record.js";
import { changesOf, matchOf, withoutNulls } from "./rules.js";
import { importRecord, remove, type Saving, save, type Writing } from "./save.js";
import { fieldsOf, givenOf, type OAuthToken, type TokenInput, tokenOf } from "./token.js";
import type {
  Capabilities,
  DeleteOptions,
  Lease,
  LockOptions,
  SaveOptions,
  TokenStore,
} from "./token-store.js";
import { notePlace, placeOf, traced } from "./tracing.js";

/** How many records `tokens()` holds at a time. */
const PAGE = 256;
/** The time limit of a call, in milliseconds, once the backend was unreachable for longer than `timeoutMs`. */
const UNREACHABLE_MS = 900;

type Method = "findToken" | "findTokenById" | "saveToken" | "importToken" | "deleteToken" | "deleteTokens";

/**
 * A whole `TokenStore` over a {@link Backend}: it validates, matches, merges, counts revisions, tries again
 * after a lost race, keeps time limits, locks, and closes.
 *
 * A find is one read. A save is a read and a conditional write; of a changed copy that is still current, the write
 * alone.
 */
export class BaseTokenStore implements TokenStore {
  readonly capabilities: Capabilities;
  readonly #backend: SealedBackend;
  readonly #timeoutMs: number;
  readonly #saves = new KeyedQueue();
  readonly #locks: Locks | undefined;
  #state: "new" | "open" | "closed" = "new";
  #wasUsed = false;
  #opening: { readonly done: Promise<void>; readonly deadline: Deadline } | undefined;
  #closing: Promise<void> | undefined;
  #active = 0;
  #whenIdle: (() => void) | undefined;
  /** Since when the backend is unreachable, by `performance.now()`. */
  #unreachableSince: number | undefined;

  /**
   * @param backend where the records are kept; this store closes it
   * @param options those that every store has; others are the subclass's to check
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(backend: Backend, options: PersistentStoreOptions = {}) {
    const { namespace, timeoutMs, leaseMs, encryption } = checkStoreOptions(options, ["open"]);
    this.#backend = new SealedBackend(backend, namespace, encryption);
    giveStoredAccess(this, {
      requireEncrypted: encryption?.requireEncrypted ?? false,
      run: (work, timeoutMs) =>
        this.#call("rekey", [], (deadline) => work(this.#backend, deadline), timeoutMs),
    });
    notePlace(this, { backend: backend.name, namespace });
    this.#timeoutMs = timeoutMs;
    const { name, leases } = backend;
    if (leases !== undefined) {
      const toStoreError = (error: unknown) => this.#toStoreError(error, []);
      this.#locks = new Locks(leases, { leaseMs, deadline: () => this.#deadline(), toStoreError, name });
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
    const fields = fieldsOf(givenOf(query).given);
    const lookups = lookupsFor(fields, false);
    return this.#call("findToken", [fields], (deadline) => {
      if (lookups.length === 0) return null;
      const pick = (records: TokenRecord[]) => this.#tokenOrNull(matchOf(records, fields, false));
      return chain(this.#backend.read(lookups, deadline), pick);
    });
  }

  async findTokenById(id: string): Promise<OAuthToken | null> {
    const lookups: Lookup[] = [{ kind: "id", key: checkId(id) }];
    return this.#call("findTokenById", [], (deadline) =>
      chain(this.#backend.read(lookups, deadline), ([record]) => this.#tokenOrNull(record)),
    );
  }

  async saveToken(token: TokenInput, options: SaveOptions = {}): Promise<OAuthToken> {
    const saving = this.#savingOf(token, checkRevision("saveToken", options));
    const seen: TokenFields[] = [saving.fields];
    // Callers of this process that save one token queue here instead of racing for the record.
    const { turn, leave } = this.#saves.join(
      saving.origin?.id ?? lookupsFor(saving.fields, true)[0]?.key ?? "",
    );
    try {
      return await this.#call("saveToken", seen, async (deadline) => {
        if (turn !== undefined) await turn;
        return tokenOf(await save(this.#writing(deadline, seen), saving), this);
      });
    } finally {
      // In time also where the backend never answers, so that the next queued caller can proceed.
      leave();
    }
  }

  #savingOf(token: TokenInput, ifRevision: number | undefined): Saving {
    const { given, isToken, origin } = givenOf(token);
    const fields = fieldsOf(given);
    const base = origin?.recordOf(this);
    if (base === undefined || (fields.id ?? base.id) !== base.id) {
      return { fields, changes: withoutNulls(given), origin: undefined, ifRevision };
    }
    return { fields, changes: changesOf(given, base, isToken), origin: base, ifRevision };
  }

  async importToken(token: TokenInput): Promise<boolean> {
    const fields = fieldsOf(givenOf(token).given);
    const { revision, createdAt, savedAt } = token;
    const { id } = fields;
    if (!id || !revision || !Number.isSafeInteger(createdAt) || !Number.isSafeInteger(savedAt)) {
      throw new TokenStoreError(
        "ERR_INVALID_TOKEN",
        "importToken needs a token that a store returned: with id, revision, createdAt and savedAt.",
      );
    }
    const record = { ...fields, id, revision, createdAt: createdAt!, savedAt: savedAt!, etag: "" };
    const seen: TokenFields[] = [fields];
    return this.#call("importToken", seen, (deadline) => importRecord(this.#writing(deadline, seen), record));
  }

  async deleteToken(id: string, options: DeleteOptions = {}): Promise<void> {
    const checked = checkId(id);
    const ifRevision = checkRevision("deleteToken", options);
    const seen: TokenFields[] = [];
    await this.#call("deleteToken", seen, (deadline) =>
      remove(this.#writing(deadline, seen), checked, ifRevision),
    );
  }

  async deleteTokens(): Promise<void> {
    await this.#call("deleteTokens", [], async (deadline) => {
      deadline.isWriting = true;
      try {
        await this.#backend.clear(deadline);
      } catch (error) {
        throw this.#toStoreError(error, [], true);
      }
    });
  }

  async getTokens(): Promise<OAuthToken[]> {
    return (await this.#page("getTokens", null, null)).map((record) => tokenOf(record, this));
  }

  async *tokens(): AsyncGenerator<OAuthToken, void, undefined> {
    let after: Cursor | null = null;
    for (;;) {
      const page: TokenRecord[] = await this.#page("tokens", after, PAGE);
      for (const record of page) yield tokenOf(record, this);
      const last: TokenRecord | undefined = page[PAGE - 1];
      if (last === undefined) return;
      after = { createdAt: last.createdAt, id: last.id };
      await nextTurn(); // A backend that answers at once would let nothing else run: no timer, no Ctrl-C.
    }
  }

  #page(method: "getTokens" | "tokens", after: Cursor | null, limit: number | null): Promise<TokenRecord[]> {
    return this.#call(method, [], (deadline) => this.#backend.scan(after, limit, deadline));
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
    const checked = checkLockOptions(options, this.#timeoutMs);
    const open = (deadline: Deadline) =>
      deadline.run(this.#open(deadline)).catch((error) => {
        throw this.#toStoreError(error, []);
      });
    // What the work throws is the caller's own and passes as it is.
    this.#enter();
    try {
      return await traced(
        "lock",
        () => ({ ...placeOf(this), method: "withLock" }),
        () => locks.hold(key, work, checked, open),
      );
    } finally {
      this.#leave();
    }
  }

  /**
   * Opens the store, as the first call does otherwise.
   * @throws TokenStoreError as any other call
   */
  async ready(): Promise<void> {
    await this.#call("ready", [], () => undefined);
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
    this.#locks?.stopWaiting(closedError());
    const limit = () => new Deadline(this.#backend.name, this.#timeoutMs);
    try {
      if (this.#active > 0) {
        const idle = new Promise<void>((resolve) => {
          this.#whenIdle = resolve;
        });
        // A holder of a lock that closes the store inside its work would wait for itself.
        await limit()
          .run(idle)
          .catch(() => {});
        await this.#locks?.drop();
      }
      if (this.#wasUsed) await limit().run((async () => this.#backend.close())());
    } catch (error) {
      throw this.#toStoreError(error, []);
    }
  }

  /** Runs one call: opens first, keeps the deadline, and turns what goes wrong into a TokenStoreError. */
  #call<T>(
    method: Method | "getTokens" | "tokens" | "ready" | "rekey",
    seen: readonly TokenFields[],
    work: (deadline: Deadline) => MaybePromise<T>,
    timeoutMs?: number,
  ): Promise<T> {
    return traced(
      "call",
      () => ({ ...placeOf(this), method }),
      () => this.#run(seen, work, timeoutMs),
    );
  }

  async #run<T>(
    seen: readonly TokenFields[],
    work: (deadline: Deadline) => MaybePromise<T>,
    timeoutMs?: number,
  ): Promise<T> {
    this.#enter();
    const startedAt = performance.now();
    const deadline = timeoutMs === undefined ? this.#deadline() : new Deadline(this.#backend.name, timeoutMs);
    try {
      if (this.#state === "open") {
        const result = work(deadline);
        // What is there already needs no timer.
        if (!isPromise(result)) return this.#reached(result);
        return this.#reached(await deadline.run(result, this.#wasReached));
      }
      const opened = async () => {
        await this.#open(deadline);
        return work(deadline);
      };
      return this.#reached(await deadline.run(opened(), this.#wasReached));
    } catch (error) {
      const known = this.#toStoreError(error, seen);
      if (known.code === "ERR_UNAVAILABLE") this.#unreachableSince ??= startedAt;
      else this.#wasReached();
      throw known;
    } finally {
      this.#leave();
    }
  }

  #deadline(): Deadline {
    const since = this.#unreachableSince;
    const isDown = since !== undefined && performance.now() - since > this.#timeoutMs;
    const ms = isDown ? Math.min(UNREACHABLE_MS, this.#timeoutMs) : this.#timeoutMs;
    return new Deadline(this.#backend.name, ms);
  }

  #reached<T>(result: T): T {
    this.#wasReached();
    return result;
  }

  readonly #wasReached = (): void => {
    this.#unreachableSince = undefined;
  };

  #enter(): void {
    if (this.#state === "closed") throw closedError();
    this.#active++;
  }

  #leave(): void {
    this.#active--;
    if (this.#active === 0) this.#whenIdle?.();
  }

  // Concurrent callers share one attempt, which has the whole time limit whatever is left of theirs. If it fails,
  // the next call makes another.
  async #open(call: Deadline): Promise<void> {
    if (this.#state === "open") return;
    this.#wasUsed = true;
    if (this.#opening === undefined) {
      const deadline = new Deadline(this.#backend.name, this.#timeoutMs);
      const opening = { done: this.#attemptToOpen(deadline), deadline };
      this.#opening = opening;
      opening.done.catch(() => {
        this.#opening = undefined;
      });
    }
    call.blockedBy(this.#opening.deadline);
    await this.#opening.done;
    call.blockedBy(undefined);
    call.check();
  }

  async #attemptToOpen(deadline: Deadline): Promise<void> {
    const opening = this.#backend.open(deadline);
    if (isPromise(opening)) await deadline.run(opening);
    this.#wasReached();
    if (this.#state === "new") this.#state = "open";
  }

  #writing(deadline: Deadline, seen: TokenFields[]): Writing {
    const toStoreError = (error: unknown) => this.#toStoreError(error, seen, true);
    return { backend: this.#backend, deadline, toStoreError, seen };
  }

  #toStoreError(error: unknown, seen: readonly TokenFields[], isWrite = false): TokenStoreError {
    if (isTokenStoreError(error)) return error;
    const { name } = this.#backend;
    const secrets = [...(this.#backend.secrets ?? [])];
    for (const fields of seen) {
      for (const secret of SECRETS) if (fields[secret] !== null) secrets.push(fields[secret]);
    }
    const cause = redact(error, secrets);
    const known = this.#backend.toStoreError?.(error);
    const uncertain = isWrite && (known?.uncertain ?? true);
    const doubt = uncertain ? " The write may still have been applied." : "";
    const what = cause.message || codeOf(error) || cause.name;
    const message = known?.message ?? `${name}: ${what}. Check the backend and try again.`;
    return new TokenStoreError(known?.code ?? "ERR_UNAVAILABLE", redactor(secrets)(message) + doubt, {
      cause,
      uncertain,
      ...(known === undefined ? {} : { retryable: known.retryable }),
    });
  }

  #tokenOrNull(record: TokenRecord | undefined): OAuthToken | null {
    return record === undefined ? null : tokenOf(record, this);
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

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
function checkRevision(method: string, options: SaveOptions): number | undefined {
  checkOptionNames(method, options, ["ifRevision"]);
  const { ifRevision } = options;
  if (ifRevision !== undefined && !(Number.isSafeInteger(ifRevision) && ifRevision >= 0)) {
    throw invalidOption("ifRevision must be an integer of 0 or more.");
  }
  return ifRevision;
}

function closedError(): TokenStoreError {
  return new TokenStoreError("ERR_STORE_CLOSED", "The store is closed. Make a new one.");
}
