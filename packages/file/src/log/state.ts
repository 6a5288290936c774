import type { Line } from "./line.js";

/** What the lines of a log result in. The same lines give the same state in every process. */
export interface State {
  /** Applies a line. @returns whether its condition held: false changes nothing */
  apply(line: Line): boolean;
  /** Whether the line would change anything now: if not, it is not written. */
  allows(line: Line): boolean;
  /** The fewest lines that give this state as it is now; changes during the iteration are not in it. */
  snapshot(): Iterable<Line>;
  /** The number of those lines. */
  readonly size: number;
  /** Lines from now on are those of another file. */
  beginFile(): void;
}
