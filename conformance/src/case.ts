import type { Capabilities, EncryptionOptions, TokenStore } from "@tokenkeep/core";
import { paragraphOfSentence } from "./contract.js";

/** Where a store keeps its records for one case: fresh and empty. */
export interface Space {
  /** Unique, and safe in any name: `[a-z0-9_]`, at most 40 characters. */
  readonly id: string;
  /** A directory that only this space uses. */
  readonly directory: string;
}

/** Options that a case opens a store with; a module passes them on to its store. */
export interface OpenOptions {
  /** As the option of that name of every store. */
  readonly namespace?: string;
  /** As the option of that name of every store, in milliseconds. */
  readonly timeoutMs?: number;
  /** As the option of that name of every store, in milliseconds. */
  readonly leaseMs?: number;
  /** As the option of that name of every durable store. */
  readonly open?: "create" | "existing";
  /** As the option of that name of every store. For a module with `dump` alone. */
  readonly encryption?: EncryptionOptions;
}

/** What the kit needs to know about a store: the default export of a module that child processes import too. */
export interface StoreModule {
  /** For reports. */
  readonly name: string;
  /**
   * Opens a store on this space. If the store is durable or shared, the same space has the same data again.
   * @param space where to keep the records
   * @param options to be passed on to the store
   * @returns the store
   */
  open(space: Space, options?: OpenOptions): TokenStore | Promise<TokenStore>;
  /**
   * Removes what a space left behind.
   * @param space one that no store has open any more
   */
  destroy?(space: Space): void | Promise<void>;
  /**
   * Everything that a space holds, as somebody reads it who has the files, the tables or the keys: for the cases of
   * encryption, which apply only to a module with this.
   * @param space which
   * @returns the bytes, or text
   */
  dump?(space: Space): string | Uint8Array | Promise<string | Uint8Array>;
  /** Means to disturb the backend, as far as there are any. */
  readonly disruptions?: DisruptionMeans;
  /** How to make a store from a client that the caller already has. */
  readonly client?: ClientMeans;
}

/**
 * What a module can do to the connections of the stores that it opened in this process. Child processes reach the
 * server undisturbed: they are the second actor. Cases that need a missing means do not apply.
 */
export interface DisruptionMeans {
  /** Cuts every open connection; new ones get through. */
  cut?(): void | Promise<void>;
  /**
   * Cuts every connection instead of passing on the next reply to a request that is sent from now on: the server has
   * done what it was asked, and nobody learns of it. Then refuses connections until {@link DisruptionMeans.restore}.
   * @param skip how many such replies get through first; 0 by default. A call of several requests can lose any reply
   */
  loseReply?(skip?: number): void | Promise<void>;
  /** The server is gone: cuts every connection and refuses new ones, until {@link DisruptionMeans.restore}. */
  stop?(): void | Promise<void>;
  /**
   * The server is frozen: connections stay open, and what is sent arrives only after
   * {@link DisruptionMeans.restore}.
   */
  freeze?(): void | Promise<void>;
  /**
   * A proxy in front of a dead server: cuts every connection, and accepts new ones that are never answered. After
   * {@link DisruptionMeans.restore} those stay silent, and new ones get through.
   */
  mute?(): void | Promise<void>;
  /** Ends every disruption: the server is back. */
  restore?(): void | Promise<void>;
  /**
   * Kills the server itself, and starts it again: all processes lose it. For histories alone, which call it in one
   * process.
   */
  restart?(): void | Promise<void>;
  /**
   * In place of {@link DisruptionMeans.restart}: kills the server that takes writes, and resolves when another has taken
   * its place. That one may not have the last writes: histories count what was acknowledged and is gone, and call it no
   * anomaly.
   * @param begins to be called shortly before the server is killed, if there is something to wait for first: what was
   *   written long before that may not be lost
   */
  failover?(begins: () => void): void | Promise<void>;
}

/** How to make a store from a caller's own client: a pool, a connection, an open database. */
export interface ClientMeans {
  /**
   * Makes a client for this space, connected as the caller would.
   * @param space where to keep the records
   * @returns the client
   */
  open(space: Space): unknown;
  /**
   * Opens a store on this space over this client.
   * @param client what `open` made
   * @param space where to keep the records
   * @param options to be passed on to the store
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

/** What a case works with. Everything that it opens is closed when the case ends. */
export interface Kit {
  /** The module of the store under test. */
  readonly module: StoreModule;
  /** Its URL, for child processes. */
  readonly moduleUrl: string;
  /** Where the case's stores are. */
  readonly space: Space;
  /** A store on the fresh space. */
  readonly store: TokenStore;
  /**
   * Opens another store on the same space.
   * @param options to be passed on to the store
   * @returns the store
   */
  open(options?: OpenOptions): Promise<TokenStore>;
  /**
   * Opens a store on the same space over a client.
   * @param client what the module's `client.open` made
   * @param options to be passed on to the store
   * @returns the store
   */
  openOn(client: unknown, options?: OpenOptions): Promise<TokenStore>;
  /** What the store declares. */
  readonly capabilities: Capabilities;
  /** For everything random: the same seed makes the same choices again. */
  readonly seed: number;
  /** How often a kill test kills; a property-based case tries 20 times as many sequences. */
  readonly rounds: number;
  /**
   * Records a step other than a call to a store, for the message of a failure.
   * @param what the step
   * @returns a function that records its result
   */
  note(what: string): (result: string) => void;
  /** Forgets the steps so far: the message of a failure begins here. */
  startOver(): void;
  /**
   * Runs something at the end of the case, however it ends, before the stores are closed.
   * @param work what to run
   */
  onEnd(work: () => void | Promise<void>): void;
}

/** The name of a capability. */
export type Capability = keyof Capabilities;

/** One test of the contract. */
export interface Case {
  /** The sentences of the contract that it checks, such as `3.4a`. The first decides its paragraph. */
  readonly checks: readonly [string, ...string[]];
  /** What it tests, in a few words. */
  readonly name: string;
  /** Capabilities without which the case does not apply. */
  readonly needs?: readonly Capability[];
  /** The case applies only if none of these is declared. */
  readonly lacks?: readonly Capability[];
  /** Means that the module must have. */
  readonly disruptions?: readonly (keyof DisruptionMeans)[];
  /** Whether the module must have `client`. */
  readonly needsClient?: true;
  /** Whether the module must have `dump`. */
  readonly needsDump?: true;
  /** How long it may take, in milliseconds; 60,000 by default. */
  readonly timeoutMs?: number;
  /** How much longer it may take for each of the run's `rounds`, in milliseconds. */
  readonly roundMs?: number;
  /**
   * Runs the test. Throws if the store breaks the contract.
   * @param kit what the case works with
   */
  run(kit: Kit): Promise<void>;
}

/** The paragraph that a case belongs to, such as `3.4`. */
export function paragraphOf({ checks }: Case): string {
  return paragraphOfSentence(checks[0]);
}
