/** Random numbers that a seed repeats (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** @returns an integer of 0 or more, below `limit` */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** @returns one of the values */
  of<T>(values: readonly [T, ...T[]]): T;
  of<T>(values: readonly T[]): T | undefined;
  of<T>(values: readonly T[]): T | undefined {
    return values[this.below(values.length)];
  }

  isOneIn(number: number): boolean {
    return this.below(number) === 0;
  }
}
