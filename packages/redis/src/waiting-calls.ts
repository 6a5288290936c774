import { type Deadline, Deadlines } from "@tokenkeep/core";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly deadline: Deadline;
}

/**
 * Calls that wait for a connection. ioredis would keep them too, but it sends what it has kept however late that is:
 * a `deleteTokens` that has long failed would take what was saved since.
 */
export class WaitingCalls {
  readonly #deadlines = new Deadlines();
  readonly #waiting = new Set<Waiting>();

  /**
   * Resolves at {@link go}, and rejects at {@link fail} or after so many milliseconds.
   * @param late makes the error for when the time is over
   */
  wait(ms: number, late: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.set(performance.now() + ms, () => {
        this.#waiting.delete(waiting);
        reject(late());
      });
      const waiting = { resolve, reject, deadline };
      this.#waiting.add(waiting);
    });
  }

  go(): void {
    for (const { resolve } of this.#take()) resolve();
  }

  fail(error: Error): void {
    for (const { reject } of this.#take()) reject(error);
  }

  #take(): Waiting[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const { deadline } of all) deadline.cancel();
    return all;
  }
}
