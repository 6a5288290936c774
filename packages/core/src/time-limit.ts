import type { MaybePromise } from "./backend.js";
import { TokenStoreError } from "./errors.js";

/**
 * The time limits of a store's calls, on one timer: where a backend answers in some microseconds, a timer for
 * each call would be a good part of its cost.
 */
export class TimeLimits {
  readonly #ms: number;
  readonly #name: string;
  /** What to do where an answer has not come, and when. */
  readonly #waiting = new Map<() => void, number>();
  #timer: NodeJS.Timeout | undefined;
  /** When the timer rings: at the first end, or before. */
  #ringsAt = Number.POSITIVE_INFINITY;

  constructor(ms: number, name: string) {
    this.#ms = ms;
    this.#name = name;
  }

  /** A limit that begins now. */
  start(): TimeLimit {
    return new TimeLimit(this, performance.now() + this.#ms);
  }

  /** What `promise` settles with, unless the time that begins now is over first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return this.start().race(promise);
  }

  /** Calls `giveUp` at that time, unless it is to {@link TimeLimits.forget} it before. */
  await(giveUp: () => void, end: number): void {
    this.#waiting.set(giveUp, end);
    if (end < this.#ringsAt) this.#ringAt(end);
    else if (this.#waiting.size === 1) this.#timer?.ref();
  }

  forget(giveUp: () => void): void {
    this.#waiting.delete(giveUp);
    // the timer stays for the next call, but a process that is done need not wait for it
    if (this.#waiting.size === 0) this.#timer?.unref();
  }

  error(): TokenStoreError {
    return new TokenStoreError(
      "ERR_UNAVAILABLE",
      `${this.#name}: no answer within ${this.#ms} ms. A write may have been done all the same. ` +
        "Check that the backend is up, or raise timeoutMs.",
    );
  }

  #ringAt(end: number): void {
    clearTimeout(this.#timer);
    this.#ringsAt = end;
    this.#timer = setTimeout(() => this.#ring(), Math.max(0, end - performance.now()));
  }

  #ring(): void {
    this.#timer = undefined;
    this.#ringsAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [giveUp, end] of this.#waiting) {
      if (end > now) {
        next = Math.min(next, end);
      } else {
        this.#waiting.delete(giveUp);
        giveUp();
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#ringAt(next);
  }
}

/** The time that one call may take. */
export class TimeLimit {
  readonly #limits: TimeLimits;
  readonly #end: number;

  constructor(limits: TimeLimits, end: number) {
    this.#limits = limits;
    this.#end = end;
  }

  /** @throws TokenStoreError `ERR_UNAVAILABLE` once the time is over */
  check(): void {
    if (performance.now() >= this.#end) throw this.#limits.error();
  }

  /** What `promise` settles with, unless the time is over first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(this.#limits.error());
      this.#limits.await(giveUp, this.#end);
      promise.then(
        (value) => {
          this.#limits.forget(giveUp);
          resolve(value);
        },
        (error) => {
          this.#limits.forget(giveUp);
          reject(error);
        },
      );
    });
  }
}

/** Whether there is something to wait for. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
