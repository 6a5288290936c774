import type { Target } from "./subject.js";
import { type Job, type Measured, timesAsFast } from "./turns.js";

/** All subjects of one backend at one job with one number of callers, measured side by side. */
export interface Group {
  readonly job: Job;
  readonly callers: number;
  readonly measured: readonly Measured[];
}

export interface Verdict {
  readonly text: string;
  readonly job: Job;
  readonly callers: number;
  readonly size: number;
  /** What was seen: how many times as fast. */
  readonly value: number;
  readonly wanted: number;
  readonly met: boolean;
}

/** Cost at any size may be this many times the cost at the smallest one: "flat". */
const FLAT = 1.3;

/** What the targets say of a group, and whether our store's cost is the same at every size. */
export function judge(group: Group, targets: readonly Target[]): Verdict[] {
  const ours = group.measured.filter(({ kind }) => kind === "ours");
  const verdicts: Verdict[] = [];
  const say = (own: Measured, other: Measured, wanted: number, text: string) => {
    const value = timesAsFast(own, other);
    const { job, callers } = group;
    verdicts.push({ text, job, callers, size: own.size, value, wanted, met: value >= wanted });
  };
  for (const own of ours) {
    for (const { job, against, times, callers = group.callers, size = own.size } of targets) {
      if (job !== group.job || callers !== group.callers || size !== own.size) continue;
      const other = group.measured.find((one) => one.name === against && one.size === own.size);
      if (other !== undefined) say(own, other, times, `at least ${times} × as fast as ${against}`);
    }
    const smallest = ours[0]!;
    if (own !== smallest) say(own, smallest, 1 / FLAT, `at most ${FLAT} × the cost at ${smallest.size}`);
  }
  return verdicts;
}

/** The peers and drivers that were faster than our store in this group, and how many times. */
export function faster(group: Group): { name: string; size: number; times: number }[] {
  return group.measured
    .filter(({ kind }) => kind === "peer")
    .flatMap((peer) => {
      const own = group.measured.find(({ kind, size }) => kind === "ours" && size === peer.size);
      const times = own === undefined ? 0 : timesAsFast(peer, own);
      return times > 1 ? [{ name: peer.name, size: peer.size, times }] : [];
    });
}
