/**
 * Lets writes of this process that want a key in common run one after the other.
 *
 * Inserts that race for a key make FerretDB's PostgreSQL wait a second for each that it takes back
 * (`deadlock_timeout`); twenty callers of one process would need longer than a call may take.
 */
export class WriteLine {
  readonly #tails = new Map<string, Promise<void>>();
  readonly #timeoutMs: number;

  /** @param timeoutMs how long to wait for those ahead, of which the database may answer none */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  async enter<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    // a place in every line at once, so that no two can wait for each other
    const ahead = keys.map((key) => this.#tails.get(key)).filter((tail) => tail !== undefined);
    let leave!: () => void;
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    for (const key of keys) this.#tails.set(key, mine);
    try {
      if (ahead.length > 0) await this.#inTime(Promise.all(ahead));
      return await work();
    } finally {
      leave();
      for (const key of keys) if (this.#tails.get(key) === mine) this.#tails.delete(key);
    }
  }

  async #inTime(ahead: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#timeoutMs);
    });
    await Promise.race([ahead, over]);
    clearTimeout(timer);
  }
}
