import { fdatasync } from "node:fs";

/** Puts what was written to a file on disk. Callers share a flush: one that has not begun yet covers them all. */
export class Flusher {
  readonly #fd: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Resolves once all that was written until now is on disk. */
  flush(): Promise<void> {
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#running = new Promise((resolve, reject) => {
          fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
        });
        return this.#running;
      });
    return this.#next;
  }

  /** Resolves once no flush is under way. */
  async idle(): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => {});
  }
}
