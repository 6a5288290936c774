/** What was known when a question was put to the database. */
export interface Asked {
  readonly generation: number;
  readonly at: number;
}

/**
 * The generation of a namespace, as far as this process knows.
 *
 * Answers can overtake each other, and one that was on its way when `deleteTokens` raised the number must
 * not lower it again. A lower number counts only if it was asked for after the higher one was known: then
 * the database itself has gone back (it was restored, or rolled back by a failover).
 */
export class Generation {
  #value = 0;
  #learnedAt = 0;
  #clock = 0;

  get value(): number {
    return this.#value;
  }

  ask(): Asked {
    return { generation: this.#value, at: ++this.#clock };
  }

  learn(generation: number, asked: Asked): void {
    if (generation === this.#value) return;
    if (generation < this.#value && asked.at <= this.#learnedAt) return;
    this.#value = generation;
    this.#learnedAt = this.#clock;
  }
}
