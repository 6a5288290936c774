import type { ValueKeys } from "./envelope.js";

/** How many saves the keys are kept of, at least; and twice as many at most. */
const KEPT = 5_000;

/**
 * The keys of values that were sealed or opened lately: to derive them is half the cost of opening a record. They are
 * worth no more than the master key, which is in memory too; no secret of a record is kept.
 */
export class RecentKeys {
  #young = new Map<string, ValueKeys>();
  #old = new Map<string, ValueKeys>();

  /** The keys of the values with this header, if they are kept. */
  get(header: string): ValueKeys | undefined {
    const young = this.#young.get(header);
    if (young !== undefined) return young;
    const old = this.#old.get(header);
    if (old !== undefined) this.add(old);
    return old;
  }

  /** Keeps keys whose commitment was compared. */
  add(keys: ValueKeys): void {
    if (this.#young.size >= KEPT) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(keys.header, keys);
  }
}
