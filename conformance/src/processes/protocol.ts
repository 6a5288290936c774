import type { PlainToken, RekeyProgress, RekeyReport, TokenInput } from "@tokenkeep/core";
import type { OpenOptions, Space } from "../case.js";
import type { Workload } from "../histories/workload.js";

export type { OpenOptions };

/** The result of one save: the record as stored, or the code of the error. */
export interface SaveOutcome {
  readonly id: string | null;
  readonly revision: number | null;
  readonly code: string | null;
}

/** What the holder of a lock saw. */
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
  /** The fences of the grants, in order. */
  readonly fences: number[];
  /** How often another holder was inside. */
  readonly overlaps: number;
}

/** The jobs of a child: their arguments, what they report meanwhile, and their results. */
export interface Jobs {
  /** Saves in sequence, or all at the same time. */
  save: {
    args: { tokens: readonly TokenInput[]; atOnce?: boolean };
    event: never;
    result: SaveOutcome[];
  };
  /** Saves the same user repeatedly, and reports each save that has resolved. Runs until it is killed. */
  saveUntilKilled: {
    args: { user: string; round: number };
    event: { revision: number; serial: number };
    result: never;
  };
  /** Saves versions of a record alternately until it is told to stop. */
  alternate: { args: { versions: readonly TokenInput[] }; event: never; result: { saves: number } };
  findToken: { args: { query: TokenInput }; event: never; result: PlainToken | null };
  getTokens: { args: Record<string, never>; event: never; result: PlainToken[] };
  deleteToken: { args: { id: string }; event: never; result: null };
  deleteTokens: { args: Record<string, never>; event: never; result: null };
  /** Takes a lock repeatedly; while it holds it, creates and removes a file that no other holder may have created. */
  lockLoop: {
    args: { key: string; times: number; insideMs: number; mark: string };
    event: never;
    result: LockLoopOutcome;
  };
  /** Takes a lock repeatedly, without a pause, until it is told to stop. */
  hog: { args: { key: string; insideMs: number }; event: { fence: number }; result: { times: number } };
  /** Takes a lock, reports the fence, and holds it until it is told to stop. */
  hold: {
    args: { key: string; timeoutMs?: number };
    event: { fence: number };
    result: HoldOutcome;
  };
  /** Saves a new refresh token for each of these records in turn, until it is told to stop. */
  refresh: {
    args: { ids: readonly string[] };
    event: { saves: number };
    /** The last refresh token of each record whose save resolved. */
    result: Readonly<Record<string, string>>;
  };
  /** Runs `rekey`, reports after each page, and then waits a moment. */
  rekey: {
    args: { to?: "plaintext"; pauseMs?: number };
    event: RekeyProgress;
    result: RekeyReport;
  };
  /** Makes the random calls of a history, and logs them, until it is told to stop. */
  history: { args: Workload; event: never; result: null };
  /** Reads every record of a history, and logs that. */
  readAll: { args: Workload; event: never; result: null };
  close: { args: Record<string, never>; event: never; result: null };
  /** Closes the store and the channel to the parent: nothing of the kit keeps the process alive then. */
  closeAndLeave: { args: Record<string, never>; event: never; result: null };
}

export type JobName = keyof Jobs;

/** Tells the child what to import and open. */
export interface StartMessage {
  readonly kind: "start";
  readonly moduleUrl: string;
  readonly space: Space;
  readonly options: OpenOptions;
}

export interface RunMessage {
  readonly kind: "run";
  readonly call: number;
  readonly job: JobName;
  readonly args: unknown;
  /** When to begin, in Unix milliseconds, so that several children begin together. */
  readonly startAt: number;
}

export interface StopMessage {
  readonly kind: "stop";
  readonly call: number;
}

export type ParentMessage = StartMessage | RunMessage | StopMessage;

/** An error as it is sent between processes. */
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
