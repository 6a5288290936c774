import type { Candidate, Job } from "./bench.js";

/** What one candidate did in one setting. */
export interface Measured {
  readonly name: string;
  readonly kind: Candidate["kind"];
  readonly durability: string;
  readonly size: number;
  /** Calls per second, the median of the rounds. */
  readonly perSecond: number;
  /** How long one call took, in microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Calls per second of each round, in order. */
  readonly rounds: readonly number[];
}

export interface Setting {
  readonly job: Job;
  readonly callers: number;
  /** How long one candidate works before it is another one's turn, in milliseconds. */
  readonly turnMs: number;
  readonly rounds: number;
}

/** Slow candidates have fewer rounds: each caller makes at least one call in a turn, and that can take seconds. */
const LONG_ENOUGH_MS = 6000;

/**
 * Runs all candidates in rounds, one after the other, so that a slow minute of the machine affects each of them. The
 * first round is for warming up and does not count.
 */
export async function measure(candidates: readonly Candidate[], setting: Setting): Promise<Measured[]> {
  const runs = candidates
    .filter(({ callers, jobs }) => jobs[setting.job] && (callers?.includes(setting.callers) ?? true))
    .map((candidate) => ({ candidate, rates: [] as number[], times: [] as number[], spentMs: 0 }));
  for (let round = -1; round < setting.rounds; round++) {
    for (let turn = 0; turn < runs.length; turn++) {
      const run = runs[(turn + Math.max(round, 0)) % runs.length]!;
      if (round >= 1 && run.spentMs > LONG_ENOUGH_MS) continue;
      const times: number[] = [];
      const tookMs = await runFor(run.candidate, setting, times);
      run.spentMs += tookMs;
      if (round < 0) continue;
      run.rates.push(Number(((times.length / tookMs) * 1000).toPrecision(6)));
      for (const time of times) run.times.push(time);
    }
  }
  return runs.map(({ candidate: { name, kind, durability, size }, rates, times }) => {
    const sorted = Float64Array.from(times).sort();
    const [p50, p99] = [0.5, 0.99].map((part) => sorted[Math.floor((sorted.length - 1) * part)]! * 1000);
    return { name, kind, durability, size, perSecond: median(rates), p50: p50!, p99: p99!, rounds: rates };
  });
}

let version = 1;

async function runFor(
  { size, jobs }: Candidate,
  { job, callers, turnMs }: Setting,
  times: number[],
): Promise<number> {
  const work = jobs[job]!;
  const start = performance.now();
  const end = start + turnMs;
  const caller = async (): Promise<void> => {
    let before = performance.now();
    do {
      // Any user of the whole store: a cache that only a few users fit in would measure itself.
      await work(Math.floor(Math.random() * size), version++);
      const now = performance.now();
      times.push(now - before);
      before = now;
    } while (before < end);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return performance.now() - start;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** How many times as fast as the other, compared round by round: what slows the machine for a while cancels out. */
export function timesAsFast(one: Measured, other: Measured): number {
  const rounds = Math.min(one.rounds.length, other.rounds.length);
  return median(Array.from({ length: rounds }, (_, round) => one.rounds[round]! / other.rounds[round]!));
}
