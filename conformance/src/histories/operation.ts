// What the processes of a history record, and what the checker reads.
import type { TokenInput } from "@tokenkeep/core";
import type { ModelRecord } from "../model.js";

/** A call that changes or finds records. */
export type RecordAction =
  | { readonly method: "findToken"; readonly query: TokenInput }
  | { readonly method: "findTokenById"; readonly id: string }
  | {
      readonly method: "saveToken";
      /** Plain properties or, with `base`, what the copy changes. */
      readonly token: TokenInput;
      /** The record that the call saved a changed copy of. */
      readonly base?: ModelRecord;
      readonly ifRevision?: number;
    }
  | { readonly method: "deleteToken"; readonly id: string; readonly ifRevision?: number }
  | { readonly method: "deleteTokens" };

/** No call, but a server that takes another's place, and may not have what was written last. */
export interface Failover {
  readonly method: "failover";
}

/** A call to `withLock`. */
export interface LockAction {
  readonly method: "withLock";
  readonly key: string;
}

/** A record as a call returned it, or `null` if it returned none. */
export type Value = ModelRecord | null;

/** How a call ended. A call that never ended has no outcome: its process was killed. */
export type Outcome =
  | { readonly value: Value }
  | { readonly code: string; readonly uncertain: boolean; readonly message: string };

/** A call in a history. Times are milliseconds on the machine's monotonic clock. */
export interface Operation<A = RecordAction | Failover> {
  /** The number of the process that called. */
  readonly process: number;
  /** The records that it can affect; absent if it affects all. */
  readonly group?: string;
  readonly action: A;
  /** When the call began. */
  readonly from: number;
  /** When it ended, or its process did. */
  readonly to: number;
  /** Until when it may still be applied: later than `to` for a write whose outcome is unknown. */
  readonly until: number;
  /** Absent for a call whose process was killed. */
  readonly outcome?: Outcome;
}

/** When the work of a `withLock` ran. */
export interface Hold extends Operation<LockAction> {
  /** Absent if the work never began. */
  readonly fence?: number;
  readonly workFrom?: number;
  /** Absent if the process was killed meanwhile. */
  readonly workTo?: number;
}

/** Whether nobody knows if it was applied. */
export function isUncertain({ action, outcome }: Operation): boolean {
  if (action.method === "findToken" || action.method === "findTokenById") return false;
  return outcome === undefined || ("code" in outcome && outcome.uncertain);
}

/** Whether it says nothing about the records: a read without a result, or a write that was not applied. */
export function saysNothing(operation: Operation): boolean {
  const { outcome } = operation;
  if (isUncertain(operation)) return false;
  return outcome === undefined || ("code" in outcome && outcome.code === "ERR_UNAVAILABLE");
}
