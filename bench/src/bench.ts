/** What is measured: a find, a save of plain properties, a save of a changed copy of a stored token. */
export type Job = "find" | "save" | "save a copy";

/** What each job means to a program, in a sentence. */
export const JOBS: Readonly<Record<Job, string>> = {
  find: "before each API call, a program finds the token of its user and client",
  save: "after a login, or from a program that knows only the new values, plain properties are merged into the record",
  "save a copy": "after a refresh, the token that was found is saved with its new access token",
};

/**
 * Something that keeps tokens: our store, the bare driver doing the same work, or an alternative that people use. A
 * variant of our store is shown next to them, and compared with our store.
 */
export interface Candidate {
  /** As the page calls it: the package's name. */
  readonly name: string;
  readonly kind: "ours" | "variant" | "driver" | "alternative";
  /** How many tokens it holds. */
  readonly size: number;
  /** What holds once its save has resolved, in a few words. */
  readonly durability: string;
  /** The numbers of concurrent callers that it can serve without losing saves; any number if absent. */
  readonly callers?: readonly number[];
  /** Does a job with the token number `i`, below `size`; a save stores the access token number `version`. */
  readonly jobs: { readonly [J in Job]?: (i: number, version: number) => unknown };
  /** How many bytes its tokens take, indexes included. */
  bytes?(): Promise<number>;
  close?(): unknown;
}

/** How fast our store should be, compared with another candidate of the same size and number of callers. */
export interface Target {
  readonly job: Job;
  readonly against: string;
  /** 0.9 is nine tenths as fast, 5 is five times as fast. */
  readonly times: number;
  /** Only for this number of callers; for all of them if absent. */
  readonly callers?: number;
  /** The candidate that should be so fast; our store if absent. */
  readonly candidate?: string;
}

/** Everything that is measured on one backend, in one run. */
export interface Bench {
  readonly targets: readonly Target[];
  /** What a reader has to know: what an alternative gives up, why it is faster. */
  readonly notes: readonly string[];
  /**
   * Starts what is needed and fills every candidate at each of the sizes.
   * @param sizes how many tokens; alternatives may leave out the larger sizes
   */
  start(sizes: readonly number[]): Promise<Running>;
}

/** A started bench. */
export interface Running {
  readonly candidates: readonly Candidate[];
  /** The server and its version, if there is one: "MariaDB 11.8.3". */
  readonly server?: string;
  stop(): Promise<void>;
}
