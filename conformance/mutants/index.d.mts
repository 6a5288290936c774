/** A mutant, as far as the test needs to know it. */
export declare const mutants: readonly {
  readonly name: string;
  /** The paragraphs whose cases should catch it. */
  readonly paragraphs: readonly string[];
  /** What the store with this bug does not declare. */
  readonly undeclared?: readonly string[];
  /** Part of the name of the case that should catch it, where it is one in particular. */
  readonly case?: string;
}[];
