import type { MaybePromise } from "../backend.js";
import { redact, TokenStoreError } from "../errors.js";

/** A function that failed is not called again for this long, in milliseconds. */
const PAUSE_MS = 1_000;

/**
 * Calls a function of the caller's that fetches keys: once for all who wait for it, within a time limit, and not
 * again right after it failed.
 */
export class Asking<T> {
  readonly #what: string;
  readonly #ask: () => MaybePromise<T>;
  readonly #timeoutMs: number;
  #inFlight: Promise<T> | undefined;
  #error: TokenStoreError | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;

  /** @param what names the function, for messages */
  constructor(what: string, ask: () => MaybePromise<T>, timeoutMs: number) {
    this.#what = what;
    this.#ask = ask;
    this.#timeoutMs = timeoutMs;
  }

  /** How long ago the function was called last, in milliseconds. */
  get sinceAskedMs(): number {
    return performance.now() - this.#askedAt;
  }

  /** How old the last answer is, in milliseconds. */
  get ageMs(): number {
    return performance.now() - this.#answeredAt;
  }

  /**
   * The function's answer.
   * @throws TokenStoreError `ERR_KEY`, retryable, where it failed or did not answer in time
   */
  async ask(): Promise<T> {
    if (this.#error !== undefined && performance.now() - this.#failedAt < PAUSE_MS) throw this.#error;
    this.#inFlight ??= this.#call().finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  async #call(): Promise<T> {
    this.#askedAt = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const error = new Error(`no answer within ${this.#timeoutMs} ms`);
      timer = setTimeout(() => reject(error), this.#timeoutMs);
    });
    try {
      const answer = await Promise.race([(async () => this.#ask())(), late]);
      this.#answeredAt = performance.now();
      this.#error = undefined;
      return answer;
    } catch (error) {
      this.#failedAt = performance.now();
      const cause = redact(error);
      this.#error = new TokenStoreError(
        "ERR_KEY",
        `${this.#what} failed: ${cause.message}. Records under keys that are known already are not affected.`,
        { cause, retryable: true },
      );
      throw this.#error;
    } finally {
      clearTimeout(timer);
    }
  }
}
