import type { Job, Target } from "./bench.js";
import { written } from "./format.js";
import { type Measured, timesAsFast } from "./rounds.js";

/** All candidates of one backend at one job with one number of callers, measured in one run. */
export interface Group {
  readonly job: Job;
  readonly callers: number;
  readonly measured: readonly Measured[];
}

export interface Verdict {
  /** What is wanted, with the number that was seen in it. */
  readonly text: string;
  readonly job: Job;
  readonly callers: number;
  readonly size: number;
  readonly met: boolean;
}

/** What a store on a server has to reach, next to its bare driver and to what people use otherwise. */
export function serverTargets(
  names: Record<"ours" | "encrypted" | "driver" | "keyv", string>,
): readonly Target[] {
  const { ours, encrypted, driver, keyv } = names;
  return [
    { job: "find", against: driver, times: 0.85, callers: 1 },
    { job: "find", against: driver, times: 0.8, callers: 50 },
    { job: "save", against: driver, times: 0.8 },
    { job: "save a copy", against: driver, times: 0.8 },
    ...[keyv, "Shopify's session storage"].flatMap((against): Target[] => [
      { job: "find", against, times: 0.9, callers: 1 },
      { job: "find", against, times: 1, callers: 50 },
    ]),
    { job: "find", candidate: encrypted, against: ours, times: 0.9 },
    { job: "save", candidate: encrypted, against: ours, times: 0.9 },
  ];
}

/** The cost at any size may be this many times the cost at the smallest one. */
const FLAT = 1.3;

/** Compares a group with the targets, and our store's cost at each size with that at the smallest. */
export function judge({ job, callers, measured }: Group, targets: readonly Target[]): Verdict[] {
  const verdicts: Verdict[] = [];
  const sizes = [...new Set(measured.map(({ size }) => size))];
  const find = (size: number, name: string | undefined): Measured | undefined =>
    measured.find(
      (one) => one.size === size && (name === undefined ? one.kind === "ours" : one.name === name),
    );
  for (const size of sizes) {
    const say = (text: string, met: boolean) => verdicts.push({ text, job, callers, size, met });
    for (const target of targets) {
      if (target.job !== job || (target.callers ?? callers) !== callers) continue;
      const [one, other] = [find(size, target.candidate), find(size, target.against)];
      if (one === undefined || other === undefined) continue;
      const seen = timesAsFast(one, other);
      const who = target.candidate === undefined ? "" : `${target.candidate}: `;
      say(
        `${who}${seen.toFixed(2)} × as fast as ${target.against} (at least ${target.times})`,
        seen >= target.times,
      );
    }
    const [own, smallest] = [find(size, undefined), find(sizes[0]!, undefined)];
    if (own === undefined || smallest === undefined || own === smallest) continue;
    const cost = timesAsFast(smallest, own);
    say(`${cost.toFixed(2)} × the cost at ${written(smallest.size)} tokens (at most ${FLAT})`, cost <= FLAT);
  }
  return verdicts;
}

/** The alternatives that were faster than our store in this group, and how many times. */
export function faster(group: Group): { name: string; size: number; times: number }[] {
  return group.measured
    .filter(({ kind }) => kind === "alternative")
    .flatMap((alternative) => {
      const own = group.measured.find(({ kind, size }) => kind === "ours" && size === alternative.size);
      const times = own === undefined ? 0 : timesAsFast(alternative, own);
      return times > 1 ? [{ name: alternative.name, size: alternative.size, times }] : [];
    });
}
