/** A planted fault, as far as the test needs to know it. */
export declare const faults: readonly {
  readonly name: string;
  /** The paragraphs that are meant to catch it. */
  readonly paragraphs: readonly string[];
  /** What the store with this fault does not declare. */
  readonly undeclared?: readonly string[];
  /** Part of the name of the case that is, where one is meant. */
  readonly case?: string;
}[];
