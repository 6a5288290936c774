import type { MaybePromise } from "./backend.js";
import { TokenStoreError } from "./errors.js";

/**
 * The time limits of a store's calls, on one timer: where a backend answers in some microseconds, a timer for
 * each call would be a good part of its cost.
 */
export class TimeLimits {
  readonly #ms: number;
  readonly #name: string;
  /**
   * A ring of those that are waited for. Not a Map or a Set: V8 grows those anew where entries come and go, and
   * keeps what was in the old ones alive until its next full collection.
   */
  readonly #ring = new Waiting(() => {}, Number.POSITIVE_INFINITY);
  #timer: NodeJS.Timeout | undefined;
  /** When the timer goes off: at the first end, or before. */
  #timerEnd = Number.POSITIVE_INFINITY;

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

  /** Gives up at that time, unless it is told to {@link TimeLimits.forget} it before. */
  await(waiting: Waiting): void {
    if (this.#ring.isAlone) this.#timer?.ref();
    waiting.enter(this.#ring);
    if (waiting.end < this.#timerEnd) this.#setTimer(waiting.end);
  }

  forget(waiting: Waiting): void {
    waiting.leave();
    // the timer stays for the next call, but a process that is done need not wait for it
    if (this.#ring.isAlone) this.#timer?.unref();
  }

  error(): TokenStoreError {
    return new TokenStoreError(
      "ERR_UNAVAILABLE",
      `${this.#name}: no answer within ${this.#ms} ms. A write may have been done all the same. ` +
        "Check that the backend is up, or raise timeoutMs.",
    );
  }

  #setTimer(end: number): void {
    clearTimeout(this.#timer);
    this.#timerEnd = end;
    this.#timer = setTimeout(() => this.#giveUp(), Math.max(0, end - performance.now()));
  }

  #giveUp(): void {
    this.#timer = undefined;
    this.#timerEnd = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let first = Number.POSITIVE_INFINITY;
    let waiting = this.#ring.next;
    while (waiting !== this.#ring) {
      const { next, end } = waiting;
      if (end > now) {
        first = Math.min(first, end);
      } else {
        waiting.leave();
        waiting.giveUp();
      }
      waiting = next;
    }
    if (first < Number.POSITIVE_INFINITY) this.#setTimer(first);
  }
}

/** Something that is waited for, and its place among others. */
class Waiting {
  readonly giveUp: () => void;
  readonly end: number;
  next: Waiting = this;
  #previous: Waiting = this;

  constructor(giveUp: () => void, end: number) {
    this.giveUp = giveUp;
    this.end = end;
  }

  get isAlone(): boolean {
    return this.next === this;
  }

  enter(ring: Waiting): void {
    this.next = ring;
    this.#previous = ring.#previous;
    this.#previous.next = this;
    ring.#previous = this;
  }

  /** May be called twice. */
  leave(): void {
    this.#previous.next = this.next;
    this.next.#previous = this.#previous;
    this.next = this;
    this.#previous = this;
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
      const waiting = new Waiting(() => reject(this.#limits.error()), this.#end);
      this.#limits.await(waiting);
      promise.then(
        (value) => {
          this.#limits.forget(waiting);
          resolve(value);
        },
        (error) => {
          this.#limits.forget(waiting);
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
