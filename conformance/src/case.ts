import type { Capabilities, TokenStore } from "@tokenkeep/core";
import { paragraphOfSentence } from "./contract.js";

/** Where a store keeps its records for one case: fresh and empty. */
export interface Space {
  /** Unique, and safe in any name: `[a-z0-9_]`, at most 40 characters. */
  readonly id: string;
  /** A directory of its own. */
  readonly directory: string;
}

/** What a case may ask of a store that it opens; a module hands it on to its store. */
export interface OpenOptions {
  /** As the option of that name of every store. */
  readonly namespace?: string;
  /** As the option of that name of every store, in milliseconds. */
  readonly timeoutMs?: number;
  /** As the option of that name of every store, in milliseconds. */
  readonly leaseMs?: number;
}

/** What the kit is told of a store: the default export of one module, which child processes import too. */
export interface StoreModule {
  /** For reports. */
  readonly name: string;
  /**
   * Opens a store on this space. Where the store is durable or shared, the same space is the same data again.
   * @param space where the records are to be
   * @param options to be handed on to the store
   * @returns the store
   */
  open(space: Space, options?: OpenOptions): TokenStore | Promise<TokenStore>;
  /**
   * Removes what a space left behind.
   * @param space one that no store is open on any more
   */
  destroy?(space: Space): void | Promise<void>;
  /** Means to disturb the backend, as far as there are any. */
  readonly disruptions?: DisruptionMeans;
  /** Where a store can be made from a client that the caller has already. */
  readonly client?: ClientMeans;
}

/**
 * What a module can do to the connections of the stores that it opened in this process, or to their server.
 * Cases that need a means which is not there do not apply.
 */
export interface DisruptionMeans {
  /** Cuts every connection that is open; new ones get through. */
  cut?(): void | Promise<void>;
  /** Cuts the connection in place of the next reply: what was asked is done, and nobody learns of it. */
  loseReply?(): void | Promise<void>;
  /** The server is gone: connections end and new ones are refused, until {@link DisruptionMeans.start}. */
  stop?(): void | Promise<void>;
  /** The server is back. */
  start?(): void | Promise<void>;
  /** The server is there and answers nothing, until {@link DisruptionMeans.thaw}. */
  freeze?(): void | Promise<void>;
  /** The server answers again. */
  thaw?(): void | Promise<void>;
}

/** How to make a store from a client of the caller's own: a pool, a connection, an open database. */
export interface ClientMeans {
  /**
   * Makes a client for this space, connected as the caller would.
   * @param space where the records are to be
   * @returns the client
   */
  open(space: Space): unknown;
  /**
   * Opens a store on this space over this client.
   * @param client what `open` made
   * @param space where the records are to be
   * @param options to be handed on to the store
   * @returns the store
   */
  store(client: unknown, space: Space, options?: OpenOptions): TokenStore | Promise<TokenStore>;
  /**
   * Finds out whether the client still works.
   * @param client what `open` made
   * @returns whether it does
   */
  isOpen(client: unknown): boolean | Promise<boolean>;
  /**
   * Closes the client.
   * @param client what `open` made
   * @returns anything, or a promise
   */
  close(client: unknown): unknown;
}

/** What a case works with. All that it opens is closed when the case ends. */
export interface Kit {
  /** The module that the kit was given. */
  readonly module: StoreModule;
  /** Its URL, for child processes. */
  readonly moduleUrl: string;
  /** Where the case's stores are. */
  readonly space: Space;
  /** A store on the fresh space. */
  readonly store: TokenStore;
  /**
   * Opens another store on the same space.
   * @param options to be handed on to the store
   * @returns the store
   */
  open(options?: OpenOptions): Promise<TokenStore>;
  /**
   * Opens a store on the same space over a client.
   * @param client what the module's `client.open` made
   * @returns the store
   */
  openOn(client: unknown): Promise<TokenStore>;
  /** What the store declares. */
  readonly capabilities: Capabilities;
  /** For whatever is random: the same seed does the same again. */
  readonly seed: number;
  /** How often a kill test kills; a property-based case is tried 20 times as often. */
  readonly rounds: number;
  /**
   * Notes what is done besides calls to the stores, for the story of a failure.
   * @param what what is done
   * @returns a function that tells what came of it
   */
  note(what: string): (result: string) => void;
  /** Forgets what was done until now: the story of a failure begins here. */
  startOver(): void;
  /**
   * Has something done at the end of the case, however it ends, before the stores are closed.
   * @param work what to do
   */
  onEnd(work: () => void | Promise<void>): void;
}

/** The name of a capability. */
export type Capability = keyof Capabilities;

/** One thing that the contract says, and how it shows. */
export interface Case {
  /** The sentences of the contract that it checks, such as `3.4a`. It stands in the paragraph of the first. */
  readonly checks: readonly [string, ...string[]];
  /** What it shows, in a few words. */
  readonly name: string;
  /** Capabilities without which the case does not apply. */
  readonly needs?: readonly Capability[];
  /** The case applies only where none of these is declared. */
  readonly lacks?: readonly Capability[];
  /** Means that the module has to have. */
  readonly disruptions?: readonly (keyof DisruptionMeans)[];
  /** Whether the module has to have `client`. */
  readonly needsClient?: true;
  /** How long it may take, in milliseconds; 60,000 unless told otherwise. */
  readonly timeoutMs?: number;
  /** How much more time each of the run's `rounds` may take, in milliseconds. */
  readonly roundMs?: number;
  /**
   * Does what there is to see, and throws where it is not as the contract says.
   * @param kit what the case works with
   */
  run(kit: Kit): Promise<void>;
}

/** The paragraph that a case stands in, such as `3.4`. */
export function paragraphOf({ checks }: Case): string {
  return paragraphOfSentence(checks[0]);
}
