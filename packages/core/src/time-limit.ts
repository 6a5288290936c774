import type { MaybePromise } from "./backend.js";
import { TokenStoreError } from "./errors.js";

/** The time that one call may take. Its timer runs only once there is something to wait for. */
export class TimeLimit {
  readonly #ms: number;
  readonly #end: number;
  readonly #name: string;

  constructor(ms: number, name: string) {
    this.#ms = ms;
    this.#name = name;
    this.#end = performance.now() + ms;
  }

  get left(): number {
    return Math.max(0, this.#end - performance.now());
  }

  /** @throws TokenStoreError `ERR_UNAVAILABLE` once the time is over */
  check(): void {
    if (this.left === 0) throw this.#error();
  }

  /** What `promise` settles with, unless the time is over first. */
  race<T>(promise: Promise<T>): Promise<T> {
    // not with Promise.race, which every call would pay for
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#error()), this.left);
      promise.then(
        (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        (error) => {
          clearTimeout(timer);
          reject(error);
        },
      );
    });
  }

  #error(): TokenStoreError {
    return new TokenStoreError(
      "ERR_UNAVAILABLE",
      `${this.#name}: no answer within ${this.#ms} ms. A write may have been done all the same. ` +
        "Check that the backend is up, or raise timeoutMs.",
    );
  }
}

/** Whether there is something to wait for. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
