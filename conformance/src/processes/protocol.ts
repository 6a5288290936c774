import type { PlainToken, TokenInput } from "@tokenkeep/core";

/** The options with which a child opens the store, handed to the module's `open`. */
export interface OpenOptions {
  readonly namespace?: string;
  readonly timeoutMs?: number;
  readonly leaseMs?: number;
}

/** What happened to one save: the record as stored, or the error by its code. */
export interface SaveOutcome {
  readonly id: string | null;
  readonly revision: number | null;
  readonly code: string | null;
}

/** What the holder of a lock saw of it. */
export interface HoldOutcome {
  readonly fence: number;
  /** Whether `lease.signal` had aborted when the work ended. */
  readonly aborted: boolean;
  /** The code of the reason that `lease.signal` aborted with, if it did. */
  readonly reasonCode: string | null;
  /** The code of the error that `withLock` rejected with, if it did. */
  readonly code: string | null;
}

export interface LockLoopOutcome {
  /** The fences of the grants, in their order. */
  readonly fences: number[];
  /** How often somebody else was found inside. */
  readonly overlaps: number;
}

/** The jobs of a child: what it is given, what it reports meanwhile, and what comes back. */
export interface Jobs {
  /** Saves one after the other, or all at once. */
  save: {
    args: { tokens: readonly TokenInput[]; atOnce?: boolean };
    event: never;
    result: SaveOutcome[];
  };
  /** Saves the same user again and again, and reports each save once it has resolved. For being killed. */
  saveUntilKilled: {
    args: { user: string; round: number };
    event: { revision: number; serial: number };
    result: never;
  };
  /** Alternates between two whole versions of a record until it is told to stop. */
  alternate: { args: { versions: readonly TokenInput[] }; event: never; result: { saves: number } };
  findToken: { args: { query: TokenInput }; event: never; result: PlainToken | null };
  getTokens: { args: Record<string, never>; event: never; result: PlainToken[] };
  deleteToken: { args: { id: string }; event: never; result: null };
  deleteTokens: { args: Record<string, never>; event: never; result: null };
  /** Takes a lock so many times; in between, makes and removes a file that nobody else may have made. */
  lockLoop: {
    args: { key: string; times: number; insideMs: number; mark: string };
    event: never;
    result: LockLoopOutcome;
  };
  /** Takes a lock again and again, without a pause, until it is told to stop. */
  hog: { args: { key: string; insideMs: number }; event: { fence: number }; result: { times: number } };
  /** Takes a lock, reports the fence, and holds it until it is told to stop. */
  hold: {
    args: { key: string; timeoutMs?: number };
    event: { fence: number };
    result: HoldOutcome;
  };
  close: { args: Record<string, never>; event: never; result: null };
  /** Closes the store and the channel to its parent: nothing of ours keeps the process alive any more. */
  closeAndLeave: { args: Record<string, never>; event: never; result: null };
}

export type JobName = keyof Jobs;

/** How the child is told what to import and open. */
export interface StartMessage {
  readonly kind: "start";
  readonly moduleUrl: string;
  readonly space: { readonly id: string; readonly directory: string };
  readonly options: OpenOptions;
}

export interface RunMessage {
  readonly kind: "run";
  readonly call: number;
  readonly job: JobName;
  readonly args: unknown;
  /** The job waits until this Unix millisecond, so that several children begin together. */
  readonly startAt: number;
}

export interface StopMessage {
  readonly kind: "stop";
  readonly call: number;
}

export type ParentMessage = StartMessage | RunMessage | StopMessage;

/** An error as it goes from process to process. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly retryable: boolean | null;
}

export type ChildMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "broken"; readonly error: WireError }
  | { readonly kind: "event"; readonly call: number; readonly event: unknown }
  | { readonly kind: "result"; readonly call: number; readonly result: unknown }
  | { readonly kind: "error"; readonly call: number; readonly error: WireError };
