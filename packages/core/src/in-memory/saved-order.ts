import type { Place } from "../backend.js";

/** Records by the time of their first save, then by id. A clock that goes back does not disturb it. */
export class SavedOrder {
  readonly #places: Place[] = [];

  add({ createdAt, id }: Place): void {
    const place = { createdAt, id };
    this.#places.splice(this.#indexAfter(place), 0, place);
  }

  delete(place: Place): void {
    this.#places.splice(this.#indexAfter(place) - 1, 1);
  }

  page(after: Place | null, limit: number | null): Place[] {
    const start = after === null ? 0 : this.#indexAfter(after);
    return this.#places.slice(start, limit === null ? undefined : start + limit);
  }

  /** The index of the first place behind this one. */
  #indexAfter(place: Place): number {
    let low = 0;
    let high = this.#places.length;
    // most records come at the end
    if (high > 0 && compare(this.#places[high - 1]!, place) <= 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#places[middle]!, place) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compare(a: Place, b: Place): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
