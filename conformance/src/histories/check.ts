import { checkHolds, type LockAnomaly } from "./holds.js";
import { type Anomaly, linearize, Undecided } from "./linearize.js";
import type { Hold, Operation } from "./operation.js";

/** What is wrong with a history; empty if nothing is. */
export interface Problems {
  readonly anomalies: readonly Anomaly[];
  readonly lockAnomalies: readonly LockAnomaly[];
  /** The groups for which the search was given up. */
  readonly undecided: readonly string[];
  /** The acknowledged writes that failovers took. */
  readonly lost: readonly Operation[];
  /** The holds of locks that failovers took. */
  readonly lostHolds: readonly Hold[];
}

/**
 * Checks a history. Groups never share a record, so each is checked alone: a history is linearizable if and only if
 * that of each of its objects is. `deleteTokens` counts in every group; that it is one step for all of them together is
 * more than this checks.
 */
export function checkHistory(
  calls: readonly Operation[],
  holds: readonly Hold[] = [],
  leaseMs: number = 0,
): Problems {
  const anomalies: Anomaly[] = [];
  const undecided: string[] = [];
  const lost = new Set<Operation>();
  const forAll = calls.filter(({ group }) => group === undefined);
  for (const [group, own] of groupBy(
    calls.filter((call) => call.group !== undefined),
    (call) => String(call.group),
  )) {
    try {
      const { anomaly, lost: ofGroup } = linearize([...own, ...forAll]);
      if (anomaly !== undefined) anomalies.push(anomaly);
      for (const call of ofGroup) lost.add(call);
    } catch (error) {
      if (!(error instanceof Undecided)) throw error;
      undecided.push(group);
    }
  }
  const failovers = calls.filter(({ action }) => action.method === "failover");
  const lockAnomalies: LockAnomaly[] = [];
  const lostHolds: Hold[] = [];
  for (const [, own] of groupBy(holds, ({ action }) => action.key)) {
    const { anomaly, lost: ofKey } = checkHolds(own, leaseMs, failovers);
    if (anomaly !== undefined) lockAnomalies.push(anomaly);
    lostHolds.push(...ofKey);
  }
  return { anomalies, lockAnomalies, undecided, lost: [...lost], lostHolds };
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
