import type { MaybePromise } from "./backend.js";
import { isError, redact, TokenStoreError } from "./errors.js";

/**
 * The time that one call may take, and what is known of it when that time is over. Core makes one for each call and
 * hands it to the backend: nothing is sent for a call after its deadline.
 */
export class Deadline {
  readonly #name: string;
  readonly #ms: number;
  readonly #endsAt: number;
  readonly #late = new Set<(error: TokenStoreError) => void>();
  #abort: AbortController | undefined;
  #blocked: unknown;
  #isWriting = false;
  #isInDoubt = false;

  /**
   * Begins now.
   * @param name the backend's name, for messages
   * @param ms how long the call may take, in milliseconds
   */
  constructor(name: string, ms: number) {
    this.#name = name;
    this.#ms = ms;
    this.#endsAt = performance.now() + ms;
  }

  /** How long the call may still take, in milliseconds; 0 once it is over. */
  get remainingMs(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }

  /** Whether the time is over. */
  get isOver(): boolean {
    return performance.now() >= this.#endsAt;
  }

  /** Aborts when the time is over, with the error that the call rejects with. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.whenOver((error) => abort.abort(error));
      this.#abort = abort;
    }
    return this.#abort.signal;
  }

  /**
   * Does what `signal` is for, at a tenth of its cost.
   * @param late called when the time is over, with the error that the call rejects with
   * @returns a function that takes this back
   */
  whenOver(late: (error: TokenStoreError) => void): () => void {
    this.#late.add(late);
    return () => this.#late.delete(late);
  }

  /**
   * Ends a call that is late.
   * @throws TokenStoreError `ERR_UNAVAILABLE` once the time is over
   */
  check(): void {
    if (this.isOver) throw this.error();
  }

  /**
   * Notes that nothing is sent yet, and why, so that the call's error can say so.
   * @param reason the last failure to connect, or a few words; another deadline, to say what that one would; undefined
   *   right before something is sent
   */
  blockedBy(reason?: unknown): void {
    this.#blocked = reason;
  }

  /** Notes that a write is about to be sent, or that its outcome is known. For core. */
  set isWriting(isWriting: boolean) {
    this.#isWriting = isWriting;
  }

  /**
   * What is said when the time is over.
   * @returns an error `ERR_UNAVAILABLE`
   */
  error(): TokenStoreError {
    const ms = Math.round(this.#ms);
    const reason = this.#blocked instanceof Deadline ? this.#blocked.#blocked : this.#blocked;
    if (reason !== undefined && !this.#isInDoubt) {
      const why = redact(reason).message;
      return new TokenStoreError(
        "ERR_UNAVAILABLE",
        `${this.#name}: not connected within ${ms} ms: ${why}. Nothing was sent. Check the address and the server.`,
        isError(reason) ? { cause: redact(reason) } : {},
      );
    }
    const doubt = this.#isWriting ? " The write may still have been applied." : "";
    return new TokenStoreError(
      "ERR_UNAVAILABLE",
      `${this.#name}: no answer within ${ms} ms.${doubt} Check that the backend is up, or raise timeoutMs.`,
      { uncertain: this.#isWriting },
    );
  }

  /** Notes that the reply to a write was lost: from now on its outcome is open, whatever is waited for. For core. */
  doubt(): void {
    this.#isInDoubt = true;
    this.#isWriting = true;
  }

  /**
   * Waits for the whole call, unless the time is over first. Ends the deadline.
   * @param work the whole call
   * @param late told of a success that came too late
   * @returns what `work` returns
   */
  run<T>(work: Promise<T>, late?: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const timer = setTimeout(() => {
        isOver = true;
        const error = this.error();
        for (const tell of this.#late) tell(error);
        reject(error);
      }, this.remainingMs);
      work
        .then(
          (value) => {
            if (isOver) late?.();
            resolve(value);
          },
          (error) => reject(error),
        )
        .finally(() => clearTimeout(timer));
    });
  }
}

/**
 * Whether there is something to wait for.
 * @param value what a backend returned
 * @returns true for a promise
 */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
