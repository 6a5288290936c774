/**
 * A way to keep tokens that is measured: one of our stores, the bare driver under it, or a peer. Our store asked in
 * another way (`ours otherwise`) is shown beside them and not compared.
 */
export interface Subject {
  /** As the report calls it: the package's name, for the bare driver the driver's. */
  readonly name: string;
  readonly kind: "ours" | "ours otherwise" | "driver" | "peer";
  /** How many tokens it holds. */
  readonly size: number;
  /** What holds once its save has resolved, in a few words. */
  readonly durability: string;
  /** The numbers of callers at once that it can serve without losing saves; all of them where absent. */
  readonly callers?: readonly number[];
  /** Finds the token number `i`, below `size`, by its user and client, or by what the peer has for that. */
  find(i: number): unknown;
  /** Saves the token number `i` with the access token number `version`. */
  save(i: number, version: number): unknown;
}

/** How fast our store has to be, compared with another subject of the same size and number of callers. */
export interface Target {
  readonly job: "find" | "save";
  readonly against: string;
  /** 0.9 is nine tenths as fast, 5 is five times as fast. */
  readonly times: number;
  /** For this number of callers alone; for all of them where absent. */
  readonly callers?: number;
  /** For this number of tokens alone; for all of them where absent. */
  readonly size?: number;
}

/** All that is measured on one backend, in one run. */
export interface Bench {
  /** As a heading says it: "MySQL". */
  readonly backend: string;
  readonly targets: readonly Target[];
  /** What a reader has to know: what was given up for a peer's sake, why a peer is faster. */
  readonly notes: readonly string[];
  /** Starts what is needed and fills every subject at each of the sizes. */
  start(sizes: readonly number[]): Promise<Running>;
}

export interface Running {
  readonly subjects: readonly Subject[];
  /** The server and its version, where there is one: "MariaDB 11.8.3". */
  readonly server?: string;
  stop(): Promise<void>;
}
