interface Waiting<Q, A> {
  readonly query: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes one request of the calls that are made in one turn of the event loop: where many are, each would cost
 * less than its own request. Where one call comes after the other, each goes out at once, and waits for nobody.
 */
export class Batch<Q, R, A> {
  readonly #ask: (queries: readonly Q[]) => Promise<readonly R[]>;
  readonly #read: (reply: R) => A;
  readonly #isFull: (queries: number, bytes: number) => boolean;
  #waiting: Waiting<Q, A>[] = [];
  #bytes = 0;
  #underWay = 0;
  /** Whether the last request was of one call: the next is likely to be alone too. */
  #wasAlone = true;

  /**
   * @param ask sends some queries in one request, and has a reply for each, in their order
   * @param read what a call makes of its reply; where it throws, that call alone fails
   * @param isFull whether no more queries should join these
   */
  constructor(
    ask: (queries: readonly Q[]) => Promise<readonly R[]>,
    read: (reply: R) => A,
    isFull: (queries: number, bytes: number) => boolean,
  ) {
    this.#ask = ask;
    this.#read = read;
    this.#isFull = isFull;
  }

  /** @param bytes about how long the query is */
  add(query: Q, bytes: number): Promise<A> {
    if (this.#wasAlone && this.#underWay === 0) return this.#sendAlone(query);
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ query, resolve, reject }) === 1) process.nextTick(this.#flush);
      this.#bytes += bytes;
      if (this.#isFull(this.#waiting.length, this.#bytes)) this.#flush();
    });
  }

  #sendAlone(query: Q): Promise<A> {
    this.#underWay++;
    return this.#ask([query]).then(
      (replies) => {
        this.#isOver(1);
        return this.#read(replies[0]!);
      },
      (error) => {
        this.#isOver(1);
        throw error;
      },
    );
  }

  #isOver(queries: number): void {
    this.#underWay--;
    this.#wasAlone = queries === 1;
  }

  readonly #flush = (): void => {
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    this.#bytes = 0;
    this.#send(batch);
  };

  #send(batch: readonly Waiting<Q, A>[]): void {
    this.#underWay++;
    this.#ask(batch.map(({ query }) => query)).then(
      (replies) => {
        this.#isOver(batch.length);
        for (const [i, { resolve, reject }] of batch.entries()) {
          try {
            resolve(this.#read(replies[i]!));
          } catch (error) {
            reject(error);
          }
        }
      },
      (error) => {
        this.#isOver(batch.length);
        // what the server refuses may be one of them: each is asked again, alone, for an answer of its own
        const isReply = error instanceof Error && error.name === "ReplyError";
        if (isReply && batch.length > 1) for (const one of batch) this.#send([one]);
        else for (const { reject } of batch) reject(error);
      },
    );
  }
}
