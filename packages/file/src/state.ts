import type { Line } from "./line.js";

/** What the lines of a log add up to. The same lines give the same state in every process. */
export interface State {
  /** Takes a line in. @returns whether it did what it says: false where its condition did not hold */
  apply(line: Line): boolean;
  /** Whether the line would change anything now: if not, it need not be written. */
  allows(line: Line): boolean;
  /** The fewest lines that give this state, as it is now: what comes while they are read is not in them. */
  snapshot(): Iterable<Line>;
  /** How many lines that would be. */
  readonly size: number;
  /** The lines from now on are those of another file. */
  beginFile(): void;
}
