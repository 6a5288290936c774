import type { Cursor } from "./backend.js";

/** The order of `Backend.scan`: by the time of the first save, then by id. Holds also where a clock was set back. */
export class SavedOrder {
  readonly #cursors: Cursor[] = [];

  add({ createdAt, id }: Cursor): void {
    const cursor = { createdAt, id };
    this.#cursors.splice(this.#indexAfter(cursor), 0, cursor);
  }

  delete(cursor: Cursor): void {
    this.#cursors.splice(this.#indexAfter(cursor) - 1, 1);
  }

  page(after: Cursor | null, limit: number | null): Cursor[] {
    const start = after === null ? 0 : this.#indexAfter(after);
    return this.#cursors.slice(start, limit === null ? undefined : start + limit);
  }

  /** The index of the first cursor after this one. */
  #indexAfter(cursor: Cursor): number {
    let low = 0;
    let high = this.#cursors.length;
    // Most records are added at the end.
    if (high > 0 && compare(this.#cursors[high - 1]!, cursor) <= 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#cursors[middle]!, cursor) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compare(a: Cursor, b: Cursor): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
