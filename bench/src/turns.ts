import type { Subject } from "./subject.js";

/** What one subject did in one setting: a job, a number of callers, a number of tokens. */
export interface Measured {
  readonly name: string;
  readonly kind: Subject["kind"];
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

export type Job = "find" | "save";

export interface Setting {
  readonly job: Job;
  readonly callers: number;
  /** How long one subject works before the next one's turn, in milliseconds. */
  readonly turnMs: number;
  readonly rounds: number;
}

/** Slow subjects have fewer rounds: each caller makes at least one call in a turn, and that can take seconds. */
const LONG_ENOUGH_MS = 6000;

/**
 * Runs all subjects in turns, so that a slow minute of the machine meets all of them. Each turn is for a set
 * time; the first round is for warming up and is not counted.
 */
export async function measure(subjects: readonly Subject[], setting: Setting): Promise<Measured[]> {
  const runs = subjects
    .filter(({ callers }) => callers?.includes(setting.callers) ?? true)
    .map((subject) => ({ subject, rates: [] as number[], times: [] as number[], spentMs: 0 }));
  for (let round = -1; round < setting.rounds; round++) {
    for (let turn = 0; turn < runs.length; turn++) {
      const run = runs[(turn + Math.max(round, 0)) % runs.length]!;
      if (round >= 1 && run.spentMs > LONG_ENOUGH_MS) continue;
      const times: number[] = [];
      const tookMs = await takeTurn(run.subject, setting, times);
      run.spentMs += tookMs;
      if (round < 0) continue;
      run.rates.push(Number(((times.length / tookMs) * 1000).toPrecision(6)));
      for (const time of times) run.times.push(time);
    }
  }
  return runs.map(({ subject: { name, kind, durability, size }, rates, times }) => {
    const sorted = Float64Array.from(times).sort();
    const [p50, p99] = [0.5, 0.99].map((part) => sorted[Math.floor((sorted.length - 1) * part)]! * 1000);
    return { name, kind, durability, size, perSecond: median(rates), p50: p50!, p99: p99!, rounds: rates };
  });
}

let count = 0;

async function takeTurn(
  subject: Subject,
  { job, callers, turnMs }: Setting,
  times: number[],
): Promise<number> {
  const start = performance.now();
  const end = start + turnMs;
  const caller = async (): Promise<void> => {
    let before = performance.now();
    do {
      const i = count++;
      const token = someOf(subject.size, i);
      await (job === "find" ? subject.find(token) : subject.save(token, i));
      const now = performance.now();
      times.push(now - before);
      before = now;
    } while (before < end);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return performance.now() - start;
}

/** A hundred users all over the store, in turn: as many at each size, so that the processor's caches are not measured. */
function someOf(size: number, i: number): number {
  return (i % 100) * Math.floor(size / 100);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** How many times as fast as the other one, compared round by round: what slows the machine for a while cancels out. */
export function timesAsFast(own: Measured, other: Measured): number {
  const rounds = Math.min(own.rounds.length, other.rounds.length);
  return median(Array.from({ length: rounds }, (_, round) => own.rounds[round]! / other.rounds[round]!));
}
