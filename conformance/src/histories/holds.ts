// Locks have a rule each for fences and for exclusion, which needs no search.
import { LAG_MS } from "./linearize.js";
import type { Hold, Operation } from "./operation.js";

/** Two holds of one key that the contract forbids together. */
export interface LockAnomaly {
  readonly what: string;
  readonly holds: readonly [Hold, Hold];
}

/** The clocks of a server and of its clients differ in speed by no more than this. */
const CLOCKS = 0.95;

/**
 * Checks the holds of one key: fences grow (6.3d), and no two holders work at the same time (6.1), as long as
 * neither can have lost its lease.
 * @param holds in any order
 * @param leaseMs for how long a lease is granted
 * @param failovers those in which a lease may be lost
 * @returns the first anomaly, and the holds that failovers must have taken
 */
export function checkHolds(
  holds: readonly Hold[],
  leaseMs: number,
  failovers: readonly Operation[] = [],
): { readonly anomaly?: LockAnomaly; readonly lost: readonly Hold[] } {
  const lost: Hold[] = [];
  for (;;) {
    const anomaly = firstAnomaly(
      holds.filter((hold) => !lost.includes(hold)),
      leaseMs,
    );
    if (anomaly === undefined) return { lost };
    const [earlier, later] = anomaly.holds;
    const isLost = failovers.some(({ from, to }) => {
      const wasGranted = earlier.from <= to && (earlier.workTo ?? earlier.to) >= from - LAG_MS;
      return wasGranted && (later.workFrom ?? later.to) >= from;
    });
    if (!isLost) return { anomaly, lost };
    lost.push(earlier);
  }
}

function firstAnomaly(holds: readonly Hold[], leaseMs: number): LockAnomaly | undefined {
  const granted = holds
    .filter((hold): hold is Granted => hold.fence !== undefined && hold.workFrom !== undefined)
    .sort((a, b) => a.workFrom - b.workFrom);
  let newest: Granted | undefined; // by fence, of those granted before the next one was asked for
  const byGrant = [...granted];
  const fences = new Map<number, Granted>();
  let longest: Granted | undefined;
  let next = 0;
  for (const hold of granted) {
    const twin = fences.get(hold.fence);
    if (twin !== undefined) return { what: `the fence ${hold.fence} twice`, holds: [twin, hold] };
    fences.set(hold.fence, hold);
    if (longest !== undefined && hold.workFrom < safeUntil(longest, leaseMs)) {
      return { what: "two holders at the same time", holds: [longest, hold] };
    }
    if (longest === undefined || safeUntil(hold, leaseMs) > safeUntil(longest, leaseMs)) longest = hold;
  }
  for (const hold of [...granted].sort((a, b) => a.from - b.from)) {
    for (
      let other = byGrant[next];
      other !== undefined && other.workFrom < hold.from;
      other = byGrant[++next]
    ) {
      if (newest === undefined || other.fence > newest.fence) newest = other;
    }
    if (newest !== undefined && newest.fence > hold.fence) {
      return { what: `the fence ${hold.fence} after ${newest.fence}`, holds: [newest, hold] };
    }
  }
  return undefined;
}

type Granted = Hold & { readonly fence: number; readonly workFrom: number };

/** Until when nobody else may have the lock: to the end of the work or, if the lease was lost, that of its first term. */
function safeUntil({ outcome, from, workFrom, workTo }: Granted, leaseMs: number): number {
  const wasKept = outcome !== undefined && "value" in outcome;
  if (wasKept) return workTo ?? workFrom;
  // The lease began at some time after the call did.
  return Math.min(workTo ?? Number.POSITIVE_INFINITY, from + leaseMs * CLOCKS);
}
