/** Callers with the same key come one after the other here, in the order in which they came. */
export class Line {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Takes a place in the line.
   * @returns what to wait for (undefined: nothing), and how to leave, whether or not the turn has come
   */
  join(key: string): { ahead: Promise<void> | undefined; leave: () => void } {
    const ahead = this.#tails.get(key);
    let leave!: () => void;
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    // who leaves early must not let those behind pass those ahead
    const tail = ahead === undefined ? mine : ahead.then(() => mine);
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return { ahead, leave };
  }
}
