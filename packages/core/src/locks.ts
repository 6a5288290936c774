import { randomUUID } from "node:crypto";
import type { Leases, MaybePromise } from "./backend.js";
import { Deadline } from "./deadline.js";
import { TokenStoreError } from "./errors.js";
import { KeyedQueue } from "./keyed-queue.js";
import { opaqueKey } from "./opaque-key.js";
import { checkMs, checkOptionNames, checkSignal } from "./options.js";
import type { Lease, LockOptions } from "./token-store.js";

/** The pauses between two attempts to get a lease, in milliseconds: from the first to the last, growing. */
const FIRST_PAUSE_MS = 4;
const LAST_PAUSE_MS = 100;
/** Two timers of one length, set in one call, fire within this many milliseconds. */
const TIE_MS = 50;
/** How long a reservation lasts: a few of the longest pauses, so that a living process comes back in time. */
const RESERVE_MS = 5 * LAST_PAUSE_MS;

/** What locks need to know of their store. */
export interface LockSettings {
  readonly name: string;
  readonly leaseMs: number;
  /** Makes the deadline of one request. */
  readonly deadline: () => Deadline;
  readonly toStoreError: (error: unknown) => TokenStoreError;
}

/**
 * `withLock` over a backend's leases. Callers of one process queue here, so that at most one of them asks the
 * backend for a key; processes ask again after a growing, jittered pause.
 */
export class Locks {
  readonly #leases: Leases;
  readonly #settings: LockSettings;
  readonly #queue = new KeyedQueue();
  readonly #stop = new AbortController();
  readonly #held = new Set<HeldLease>();

  constructor(leases: Leases, settings: LockSettings) {
    this.#leases = leases;
    this.#settings = settings;
  }

  /**
   * Waits for the lock, runs `work`, and releases the lock.
   * @param open opens the store; the wait includes it
   */
  async hold<T>(
    key: string,
    work: (lease: Lease) => T | Promise<T>,
    options: CheckedLockOptions,
    open: (deadline: Deadline) => Promise<void>,
  ): Promise<T> {
    const opaque = opaqueKey("lock", key);
    const wait = new Wait(options, this.#stop.signal);
    const { turn, leave } = this.#queue.join(opaque);
    try {
      await wait.forAnswer(this.#settings.deadline(), open);
      if (turn !== undefined) {
        if (options.timeoutMs === 0) throw wait.timeout();
        await wait.for(turn);
      }
      const held = await this.#acquire(key, opaque, options, wait);
      wait.end();
      // Work that goes on after the lock was lost does not keep this process's next caller waiting.
      held.lease.signal.addEventListener("abort", leave, { once: true });
      return await this.#run(held, work);
    } finally {
      wait.end();
      leave();
    }
  }

  async #acquire(
    key: string,
    opaque: string,
    { timeoutMs, maxHoldMs }: CheckedLockOptions,
    wait: Wait,
  ): Promise<HeldLease> {
    const { leaseMs } = this.#settings;
    const owner = randomUUID();
    let asking: Promise<unknown> = Promise.resolve();
    try {
      for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LAST_PAUSE_MS)) {
        wait.check();
        const askedAt = performance.now();
        const fence = await wait.forAnswer(this.#settings.deadline(), (deadline) => {
          const answer = call(() => this.#leases.acquire(opaque, owner, leaseMs, RESERVE_MS, deadline));
          asking = answer;
          return deadline.run(answer).catch((error) => {
            throw this.#settings.toStoreError(error);
          });
        });
        // An answer that took longer than the lease says nothing: somebody else may have the lock by now.
        if (fence !== null && performance.now() < askedAt + leaseMs) {
          const grant = { key, opaque, owner, fence, askedAt, maxHoldMs };
          return new HeldLease(grant, this.#leases, this.#settings);
        }
        if (timeoutMs === 0) throw wait.timeout();
        await wait.for(delay(pause * (0.5 + Math.random())));
      }
    } catch (error) {
      // Give up the reservation, and the lease in case it is granted yet.
      const deadline = this.#settings.deadline();
      void asking
        .catch(() => {})
        .then(() => deadline.run(call(() => this.#leases.release(opaque, owner, deadline))))
        .catch(() => {});
      throw error;
    }
  }

  async #run<T>(held: HeldLease, work: (lease: Lease) => T | Promise<T>): Promise<T> {
    this.#held.add(held);
    held.keep();
    let result: T;
    try {
      result = await work(held.lease);
    } catch (error) {
      await held.release();
      throw error;
    } finally {
      this.#held.delete(held);
    }
    await held.release();
    held.lease.signal.throwIfAborted();
    return result;
  }

  /** Ends every wait for a lock with this reason, now and from now on. */
  stopWaiting(reason: TokenStoreError): void {
    this.#stop.abort(reason);
  }

  /** Releases every lock that is still held. */
  async drop(): Promise<void> {
    await Promise.all(
      [...this.#held].map(async (held) => {
        await held.release();
        held.lose("the store was closed while the lock was held");
      }),
    );
  }
}

/** A lease that was granted. It is renewed until it is released or lost. */
class HeldLease {
  readonly lease: Lease;
  readonly #opaque: string;
  readonly #owner: string;
  readonly #leases: Leases;
  readonly #settings: LockSettings;
  readonly #maxHoldMs: number | undefined;
  readonly #lost = new AbortController();
  /** When the lease expires unless it is renewed, on this process's monotonic clock: earlier than the backend's. */
  #validUntil: number;
  #renewal: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #limit: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(
    grant: {
      key: string;
      opaque: string;
      owner: string;
      fence: number;
      askedAt: number;
      maxHoldMs: number | undefined;
    },
    leases: Leases,
    settings: LockSettings,
  ) {
    this.#opaque = grant.opaque;
    this.#owner = grant.owner;
    this.#maxHoldMs = grant.maxHoldMs;
    this.#leases = leases;
    this.#settings = settings;
    this.#validUntil = grant.askedAt + settings.leaseMs;
    this.lease = { key: grant.key, fence: grant.fence, signal: this.#lost.signal };
  }

  keep(): void {
    this.#renewAfter(this.#settings.leaseMs / 3);
    this.#expireAt(this.#validUntil);
    if (this.#maxHoldMs === undefined) return;
    this.#limit = setTimeout(() => {
      void this.release();
      this.lose(`it was held for longer than maxHoldMs, ${this.#maxHoldMs} ms`);
    }, this.#maxHoldMs).unref();
  }

  #renewAfter(ms: number): void {
    this.#renewal = setTimeout(async () => {
      const askedAt = performance.now();
      const { leaseMs, name } = this.#settings;
      try {
        const deadline = new Deadline(name, Math.max(1, this.#validUntil - askedAt));
        const renewing = call(() => this.#leases.renew(this.#opaque, this.#owner, leaseMs, deadline));
        const isHeld = await deadline.run(renewing);
        if (this.#isOver) return;
        if (!isHeld) return this.lose("another holder has it, or it expired");
        this.#validUntil = askedAt + leaseMs;
        this.#expireAt(this.#validUntil);
        this.#renewAfter(leaseMs / 3);
      } catch {
        // The next attempt may succeed in time. If none does, the lease expires.
        if (!this.#isOver) this.#renewAfter(leaseMs / 10);
      }
    }, ms).unref();
  }

  #expireAt(time: number): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(
      () => this.lose("it expired before it could be renewed"),
      time - performance.now(),
    ).unref();
  }

  lose(why: string): void {
    this.#end();
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(
      new TokenStoreError(
        "ERR_LOCK_LOST",
        `${this.#settings.name}: the lock was lost: ${why}. Another holder may have run at the same time: check ` +
          "what the work did, and repeat it if necessary.",
      ),
    );
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#renewal);
    clearTimeout(this.#expiry);
    clearTimeout(this.#limit);
  }

  /** Gives the lease back, and finds out whether it was held to the end. Never rejects. */
  async release(): Promise<void> {
    const wasOver = this.#isOver;
    this.#end();
    if (wasOver) return;
    const isInTime = performance.now() < this.#validUntil;
    const deadline = this.#settings.deadline();
    const releasing = call(() => this.#leases.release(this.#opaque, this.#owner, deadline));
    // Without an answer, our own clock decides: nobody else can hold a lease that has not expired.
    const wasHeld = await deadline.run(releasing).catch(() => isInTime);
    if (!wasHeld || !isInTime) this.lose("another holder has it, or it expired");
  }
}

/** The options of `withLock`, checked. */
export interface CheckedLockOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly maxHoldMs: number | undefined;
}

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkLockOptions(options: LockOptions, defaultMs: number): CheckedLockOptions {
  checkOptionNames("withLock", options, ["timeoutMs", "signal", "maxHoldMs"]);
  const { timeoutMs = defaultMs, signal, maxHoldMs } = options;
  checkSignal(signal);
  return {
    timeoutMs: checkMs("timeoutMs", timeoutMs, 0),
    signal,
    maxHoldMs: maxHoldMs === undefined ? undefined : checkMs("maxHoldMs", maxHoldMs),
  };
}

/** The time that a caller waits for a lock. It begins with the call. */
class Wait {
  readonly #ended: AbortSignal;
  readonly #timeoutMs: number;
  readonly #timer: NodeJS.Timeout | undefined;
  /** Of the request that is under way. */
  #request: Deadline | undefined;

  constructor({ timeoutMs, signal }: CheckedLockOptions, stop: AbortSignal) {
    this.#timeoutMs = timeoutMs;
    const over = new AbortController();
    if (timeoutMs > 0) this.#timer = setTimeout(() => over.abort(this.#error()), timeoutMs);
    this.#ended = AbortSignal.any([over.signal, stop, ...(signal === undefined ? [] : [signal])]);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  check(): void {
    this.#ended.throwIfAborted();
  }

  timeout(): TokenStoreError {
    return new TokenStoreError(
      "ERR_LOCK_TIMEOUT",
      `The lock was not free within ${this.#timeoutMs} ms. Try again, or wait longer with timeoutMs.`,
    );
  }

  // Where the backend was silent for the whole of its own time limit too, that is what there is to say.
  #error(): TokenStoreError {
    const request = this.#request;
    return request !== undefined && request.remainingMs < TIE_MS ? request.error() : this.timeout();
  }

  /** What a request of the backend answers, unless the wait ends first. A wait of no length makes one request. */
  async forAnswer<T>(deadline: Deadline, ask: (deadline: Deadline) => Promise<T>): Promise<T> {
    this.#request = deadline;
    try {
      return await this.for(ask(deadline));
    } finally {
      this.#request = undefined;
    }
  }

  /** What `promise` settles with, unless the wait ends first. */
  async for<T>(promise: Promise<T>): Promise<T> {
    const ended = this.#ended;
    let stop: (() => void) | undefined;
    const over = new Promise<never>((_resolve, reject) => {
      stop = () => reject(ended.reason);
      if (ended.aborted) stop();
      else ended.addEventListener("abort", stop, { once: true });
    });
    promise.catch(() => {}); // it may fail after the wait has ended
    try {
      return await Promise.race([over, promise]);
    } finally {
      ended.removeEventListener("abort", stop!);
    }
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** The answer of a backend as a promise, also where it threw at once. */
async function call<T>(ask: () => MaybePromise<T>): Promise<T> {
  return ask();
}
