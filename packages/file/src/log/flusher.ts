import { fdatasync } from "node:fs";

/** Flushes a file to disk. Callers share a flush: one that has not begun yet covers them all. */
export class Flusher {
  readonly #fd: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Whether a flush failed. The system then forgets what it could not write, and would report success the next time:
   * the content has to be written again, to another file.
   */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Resolves once everything written until now is on disk. Rejects for good once a flush has failed. */
  flush(): Promise<void> {
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#running = this.#flush();
        return this.#running;
      });
    return this.#next;
  }

  #flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      fdatasync(this.#fd, (error) => {
        if (error === null) return resolve();
        this.#failure = error;
        reject(error);
      });
    });
  }

  /** Resolves once no flush is running. */
  async idle(): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => {});
  }
}
