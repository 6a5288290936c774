/** A mutex per key: callers with the same key proceed one after the other, in the order in which they came. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Joins the queue of a key.
   * @param key which queue
   * @returns what to wait for (undefined: nothing), and how to leave, whether or not the caller's turn has come
   */
  join(key: string): { turn: Promise<void> | undefined; leave: () => void } {
    const turn = this.#tails.get(key);
    let leave!: () => void;
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    // A caller that leaves early must not let later callers overtake earlier ones.
    const tail = turn === undefined ? mine : turn.then(() => mine);
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return { turn, leave };
  }
}
