import type { MaybePromise } from "./backend.js";
import { Deadlines } from "./deadlines.js";
import { TokenStoreError } from "./errors.js";

/** The time limits of a store's calls. */
export class TimeLimits {
  readonly deadlines: Deadlines = new Deadlines();
  readonly #ms: number;
  readonly #name: string;

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

  error(): TokenStoreError {
    return new TokenStoreError(
      "ERR_UNAVAILABLE",
      `${this.#name}: no answer within ${this.#ms} ms. A write may have been done all the same. ` +
        "Check that the backend is up, or raise timeoutMs.",
    );
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
      const deadline = this.#limits.deadlines.set(this.#end, () => reject(this.#limits.error()));
      promise.then(
        (value) => {
          deadline.cancel();
          resolve(value);
        },
        (error) => {
          deadline.cancel();
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
