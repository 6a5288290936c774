import type { Line } from "./line.js";

/** What the lines of a log add up to. The same lines give the same state in every process. */
export interface State {
  /** Takes a line in. @returns whether it did what it says: false where its condition did not hold */
  apply(line: Line): boolean;
  /** The fewest lines that give this state. */
  lines(): Iterable<Line>;
  /** How many lines that would be. */
  readonly size: number;
}
