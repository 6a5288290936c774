import { randomUUID } from "node:crypto";
import type { Leases, MaybePromise } from "./backend.js";
import { TokenStoreError } from "./errors.js";
import { Line } from "./line.js";
import { opaqueKey } from "./opaque-key.js";
import { checkMs, invalidOption } from "./options.js";
import type { TimeLimits } from "./time-limit.js";
import type { Lease, LockOptions } from "./token-store.js";

/** Pauses between two tries for a lease, in milliseconds: from the first to the last, growing. */
const FIRST_PAUSE_MS = 4;
const LAST_PAUSE_MS = 100;
/** How long a place in line lasts: a few of the longest pauses, so that who lives comes back in time. */
const PLACE_MS = 5 * LAST_PAUSE_MS;

interface Settings {
  readonly name: string;
  readonly leaseMs: number;
  readonly limits: TimeLimits;
  /** Turns a driver's error into a TokenStoreError. */
  readonly explain: (error: unknown) => TokenStoreError;
}

/**
 * `withLock` over a backend's leases. Callers of one process wait in line, so that at most one of them
 * asks the backend; processes ask again after a growing, jittered pause.
 */
export class Locks {
  readonly #leases: Leases;
  readonly #settings: Settings;
  readonly #line = new Line();
  readonly #stop = new AbortController();
  readonly #held = new Set<Holding>();

  constructor(leases: Leases, settings: Settings) {
    this.#leases = leases;
    this.#settings = settings;
  }

  async hold<T>(key: string, work: (lease: Lease) => T | Promise<T>, wait: Wait): Promise<T> {
    const opaque = opaqueKey("lock", key);
    const turn = this.#line.join(opaque);
    try {
      wait.start(this.#stop.signal);
      if (turn.ahead !== undefined) {
        if (wait.isOneTry) throw wait.timeout();
        await wait.for(turn.ahead);
      }
      const holding = await this.#acquire(key, opaque, wait);
      wait.end();
      return await this.#run(holding, work);
    } finally {
      wait.end();
      turn.leave();
    }
  }

  async #acquire(key: string, opaque: string, wait: Wait): Promise<Holding> {
    const { leaseMs, limits, explain } = this.#settings;
    const owner = randomUUID();
    let asking: Promise<unknown> = Promise.resolve();
    try {
      for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LAST_PAUSE_MS)) {
        wait.check();
        const askedAt = performance.now();
        const answer = call(() => this.#leases.acquire(opaque, owner, leaseMs, PLACE_MS));
        asking = answer;
        const limited = limits.race(answer).catch((error) => {
          throw explain(error);
        });
        const fence = await wait.for(limited);
        if (fence !== null) {
          return new Holding({ key, opaque, owner, fence, askedAt }, this.#leases, this.#settings);
        }
        if (wait.isOneTry) throw wait.timeout();
        await wait.for(delay(pause * (0.5 + Math.random())));
      }
    } catch (error) {
      // give up the place in line, and the lease should it be granted yet
      void asking.catch(() => {}).then(() => call(() => this.#leases.release(opaque, owner)).catch(() => {}));
      throw error;
    }
  }

  async #run<T>(holding: Holding, work: (lease: Lease) => T | Promise<T>): Promise<T> {
    this.#held.add(holding);
    holding.keep();
    let result: T;
    try {
      result = await work(holding.lease);
    } catch (error) {
      await holding.release();
      throw error;
    } finally {
      this.#held.delete(holding);
    }
    await holding.release();
    holding.lease.signal.throwIfAborted();
    return result;
  }

  /** Ends every wait for a lock with this reason, now and from now on. */
  stopWaiting(reason: TokenStoreError): void {
    this.#stop.abort(reason);
  }

  /** Gives up every lock that is held still. */
  async drop(): Promise<void> {
    await Promise.all(
      [...this.#held].map(async (holding) => {
        await holding.release();
        holding.lose("the store was closed while the lock was held");
      }),
    );
  }
}

/** A lease that was granted, and is renewed until it is released or lost. */
class Holding {
  readonly lease: Lease;
  readonly #opaque: string;
  readonly #owner: string;
  readonly #leases: Leases;
  readonly #settings: Settings;
  readonly #lost = new AbortController();
  /** When the lease ends if it is not renewed, by this process's steady clock: earlier than the backend's. */
  #validUntil: number;
  #renewal: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(
    grant: { key: string; opaque: string; owner: string; fence: number; askedAt: number },
    leases: Leases,
    settings: Settings,
  ) {
    this.#opaque = grant.opaque;
    this.#owner = grant.owner;
    this.#leases = leases;
    this.#settings = settings;
    this.#validUntil = grant.askedAt + settings.leaseMs;
    this.lease = { key: grant.key, fence: grant.fence, signal: this.#lost.signal };
  }

  keep(): void {
    this.#renewAfter(this.#settings.leaseMs / 3);
    this.#watchOut();
  }

  #renewAfter(ms: number): void {
    this.#renewal = setTimeout(async () => {
      const askedAt = performance.now();
      const { leaseMs } = this.#settings;
      try {
        const isOurs = await call(() => this.#leases.renew(this.#opaque, this.#owner, leaseMs));
        if (this.#isOver) return;
        if (!isOurs) return this.lose("another holder has it, or it ran out");
        this.#validUntil = askedAt + leaseMs;
        this.#watchOut();
        this.#renewAfter(leaseMs / 3);
      } catch {
        // perhaps the next try gets through in time; if not, the watch ends it
        if (!this.#isOver) this.#renewAfter(leaseMs / 10);
      }
    }, ms).unref();
  }

  #watchOut(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(
      () => this.lose("it ran out before it could be renewed"),
      this.#validUntil - performance.now(),
    ).unref();
  }

  lose(why: string): void {
    this.#end();
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(
      new TokenStoreError(
        "ERR_LOCK_LOST",
        `${this.#settings.name}: the lock was lost: ${why}. What the work did may have met another holder's: ` +
          "check it, and do it again if need be.",
      ),
    );
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#renewal);
    clearTimeout(this.#watch);
  }

  /** Gives the lease back, and finds out whether it was ours to the end. Never rejects. */
  async release(): Promise<void> {
    const wasOver = this.#isOver;
    this.#end();
    if (wasOver) return;
    const { limits } = this.#settings;
    const inTime = performance.now() < this.#validUntil;
    const releasing = call(() => this.#leases.release(this.#opaque, this.#owner));
    // An answer that does not come changes nothing: the lease held while we worked, and ends by itself.
    const wasOurs = await limits.race(releasing).catch(() => inTime);
    if (!wasOurs || !inTime) this.lose("another holder has it, or it ran out");
  }
}

/** The time that a caller waits for a lock. */
export class Wait {
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  #ended: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
  constructor(options: LockOptions, defaultMs: number) {
    if (typeof options !== "object" || options === null) {
      throw invalidOption("The options of withLock must be an object.");
    }
    this.#timeoutMs = checkMs("timeoutMs", options.timeoutMs ?? defaultMs, 0);
    if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
      throw invalidOption("signal must be an AbortSignal.");
    }
    this.#signal = options.signal;
  }

  /** Whether one try is all that the caller wants. */
  get isOneTry(): boolean {
    return this.#timeoutMs === 0;
  }

  start(stop: AbortSignal): void {
    const over = new AbortController();
    if (!this.isOneTry) {
      this.#timer = setTimeout(() => over.abort(this.timeout()), this.#timeoutMs);
    }
    this.#ended = AbortSignal.any([over.signal, stop, ...(this.#signal === undefined ? [] : [this.#signal])]);
    this.check();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  check(): void {
    this.#ended?.throwIfAborted();
  }

  timeout(): TokenStoreError {
    return new TokenStoreError(
      "ERR_LOCK_TIMEOUT",
      `The lock was not free within ${this.#timeoutMs} ms. Try again, or wait longer with timeoutMs.`,
    );
  }

  /** What `promise` settles with, unless the wait ends first. */
  async for<T>(promise: Promise<T>): Promise<T> {
    const ended = this.#ended!;
    let stop: (() => void) | undefined;
    const over = new Promise<never>((_resolve, reject) => {
      stop = () => reject(ended.reason);
      if (ended.aborted) stop();
      else ended.addEventListener("abort", stop, { once: true });
    });
    try {
      return await Promise.race([promise, over]);
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
