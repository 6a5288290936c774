import type { Capabilities, TokenStore } from "@tokenkeep/core";

/** Where a store keeps its records for one case: fresh and empty. */
export interface Space {
  /** Unique, and safe in any name: `[a-z0-9_]`, at most 40 characters. */
  readonly id: string;
  /** A directory of its own. */
  readonly directory: string;
}

/** What a case may ask of a store that it opens; a module hands it on to its store. */
export interface OpenOptions {
  readonly namespace?: string;
  readonly timeoutMs?: number;
  readonly leaseMs?: number;
}

/** What the kit is told of a store: the default export of one module, which child processes import too. */
export interface StoreModule {
  readonly name: string;
  /** A store on this space. Where the store is durable or shared, the same space is the same data again. */
  open(space: Space, options?: OpenOptions): TokenStore | Promise<TokenStore>;
  /** Removes what a space left behind. */
  destroy?(space: Space): void | Promise<void>;
  /** Means to disturb the backend, as far as there are any. */
  readonly faults?: FaultMeans;
}

/**
 * What a module can do to the connections of the stores that it opened in this process, or to their server.
 * Cases that need a means which is not there do not apply.
 */
export interface FaultMeans {
  /** Cuts every connection that is open; new ones get through. */
  cut?(): void | Promise<void>;
  /** Cuts the connection in place of the next reply: what was asked is done, and nobody learns of it. */
  loseReply?(): void | Promise<void>;
  /** The server is gone: connections end and new ones are refused, until {@link FaultMeans.start}. */
  stop?(): void | Promise<void>;
  start?(): void | Promise<void>;
  /** The server is there and answers nothing, until {@link FaultMeans.thaw}. */
  freeze?(): void | Promise<void>;
  thaw?(): void | Promise<void>;
}

/** What a case works with. All that it opens is closed when the case ends. */
export interface Kit {
  readonly module: StoreModule;
  readonly moduleUrl: string;
  readonly space: Space;
  /** A store on the fresh space. */
  readonly store: TokenStore;
  /** Another store on the same space. */
  open(options?: OpenOptions): Promise<TokenStore>;
  readonly capabilities: Capabilities;
  /** For whatever is random: the same seed does the same again. */
  readonly seed: number;
  /** How often a kill test kills; a property-based case is tried 20 times as often. */
  readonly rounds: number;
  /** Runs at the end of the case, however it ends, before the stores are closed. */
  onEnd(work: () => void | Promise<void>): void;
}

export type Capability = keyof Capabilities;

/** One thing that the contract says, and how it shows. */
export interface Case {
  /** The paragraph of the contract, such as `3.4`. */
  readonly paragraph: string;
  readonly name: string;
  /** Capabilities without which the case does not apply. */
  readonly needs?: readonly Capability[];
  /** The case applies only where none of these is declared. */
  readonly lacks?: readonly Capability[];
  /** Means that the module has to have. */
  readonly faults?: readonly (keyof FaultMeans)[];
  /** How long it may take, in milliseconds; 60,000 unless told otherwise. */
  readonly timeoutMs?: number;
  run(kit: Kit): Promise<void>;
}
