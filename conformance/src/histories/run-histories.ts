import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Candidate, loadCandidate, ModuleError } from "../candidate.js";
import { inTime } from "../in-time.js";
import { Child, type ChildSource, type Running } from "../processes/index.js";
import { checkCount, checkOnProgress } from "../run.js";
import { show } from "../show.js";
import { newSpace, removeSpace } from "../space.js";
import { checkHistory, type Problems } from "./check.js";
import { type Disruption, now, type Recorded, readLog } from "./log.js";
import type { Failover, Hold, Operation } from "./operation.js";
import { Random } from "./random.js";
import { anomalyText, lockText } from "./text.js";
import type { Workload } from "./workload.js";

/** What to run, and for how long. */
export interface HistoryOptions {
  /** How long to make calls, in milliseconds. */
  readonly durationMs: number;
  /** How many processes make them; 4 by default. A store that is not shared has one. */
  readonly processes?: number | undefined;
  /** Repeats the random choices, though not what happens at the same time. */
  readonly seed?: number | undefined;
  /** Ends the run before its time: what was done until then is checked and reported. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each round of some seconds, with the report so far. */
  readonly onProgress?: ((report: HistoryReport) => void) | undefined;
}

/** What a run of histories has seen. */
export interface HistoryReport {
  /** The module's name for the store. */
  readonly store: string;
  /** The seed of its random choices. */
  readonly seed: number;
  /** How many processes made calls. */
  readonly processes: number;
  /** How long calls were made, in milliseconds. */
  readonly madeForMs: number;
  /** How many calls there were, by method. */
  readonly calls: Readonly<Record<string, number>>;
  /** How many failed, by code. */
  readonly failures: Readonly<Record<string, number>>;
  /** How many writes had an unknown outcome: failed so, or their process was killed. */
  readonly uncertain: number;
  /** How often each disruption was met. */
  readonly disruptions: Readonly<Record<string, number>>;
  /** The longest call, in milliseconds. */
  readonly longestMs: number;
  /** Which call it was: its method, and how it failed if it did. */
  readonly longestCall: string;
  /** How long the check took, in milliseconds. */
  readonly checkedForMs: number;
  /** How many acknowledged writes the module's failovers took, by the results of later calls. */
  readonly lostWrites: number;
  /** How many locks they took, which were granted again while they were held, or with a fence that had been there. */
  readonly lostLocks: number;
  /** What went wrong: each anomaly with the calls that show it, as text. Empty if nothing did. */
  readonly anomalies: readonly string[];
  /** The groups of records in which too many orders were possible to try them all. */
  readonly undecided: readonly string[];
}

/**
 * Whether anything went wrong.
 * @param report what a run has seen
 * @returns whether there is a problem in it
 */
export function hasProblems(report: HistoryReport): boolean {
  return report.anomalies.length > 0 || report.undecided.length > 0;
}

const ROUND_MS = 10_000;
const TIMEOUT_MS = 2000;
const LEASE_MS = 1000;
/** Longer than any time limit of a store, for a module that does not pass the option on. */
const HANGS_MS = 30_000;
const GROUPS = 8;
const CALLERS = 4;
/** The longest time between two kills or other things that happen to processes. */
const BETWEEN_MS = 1500;
/** The longest time for which a process is stopped. */
const STOPPED_MS = 1500;
/** The longest time without a restart of the server: chance alone may leave it out for minutes. */
const WITHOUT_RESTART_MS = 60_000;

/**
 * Makes random calls from several processes while the module's disruptions run and processes are killed, and checks
 * that the results can be explained by one order of the calls. Ends at the first anomaly.
 * @param moduleUrl the URL of the store's module
 * @param options for how long, and by how many processes
 * @returns what was seen
 * @throws ModuleError for options that can't be, and a module that can't be used
 */
export async function runHistories(moduleUrl: string | URL, options: HistoryOptions): Promise<HistoryReport> {
  checkHistoryOptions(options);
  const candidate = await loadCandidate(moduleUrl, { seed: options.seed });
  const space = await newSpace();
  const directory = mkdtempSync(join(tmpdir(), "tokenkeep-histories-"));
  const { durationMs, signal } = options;
  const run = new Run(candidate, { moduleUrl, space }, directory, options.processes ?? 4, signal);
  try {
    while (run.report.madeForMs < durationMs && run.report.anomalies.length === 0 && !signal?.aborted) {
      await run.round(Math.min(ROUND_MS, durationMs - run.report.madeForMs));
      options.onProgress?.(run.report);
    }
    return run.report;
  } finally {
    await run.end();
    rmSync(directory, { recursive: true });
    await removeSpace(candidate.module, space);
  }
}

function checkHistoryOptions(options: HistoryOptions): void {
  const { durationMs, processes, seed, signal, onProgress } = options ?? {};
  if (!(Number.isFinite(durationMs) && durationMs > 0)) {
    throw new ModuleError("durationMs must be a number of milliseconds, more than 0.");
  }
  checkCount("processes", processes, 1);
  checkCount("seed", seed, 0);
  checkOnProgress(onProgress);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new ModuleError("signal must be an AbortSignal.");
  }
}

interface Worker {
  readonly number: number;
  readonly child: Child;
  job: Running<"history"> | undefined;
}

class Run {
  readonly #candidate: Candidate;
  readonly #source: ChildSource;
  readonly #directory: string;
  readonly #random: Random;
  readonly #count: number;
  readonly #signal: AbortSignal | undefined;
  readonly #totals = new Totals();
  readonly #workers: Worker[] = [];
  #started = 0;
  #rounds = 0;
  #madeForMs = 0;
  #checkedForMs = 0;
  #restartedAt = now();
  /** Deletions of everything that may still be applied in the next round. */
  #late: Operation[] = [];
  // Of the round:
  #disruptions: Disruption[] = [];
  #endedAt = new Map<number, number>();
  #isOver = true;

  constructor(
    candidate: Candidate,
    source: ChildSource,
    directory: string,
    processes: number,
    signal: AbortSignal | undefined,
  ) {
    this.#candidate = candidate;
    this.#source = source;
    this.#directory = directory;
    this.#random = new Random(candidate.seed);
    this.#count = candidate.capabilities.shared ? processes : 1;
    this.#signal = signal;
  }

  get report(): HistoryReport {
    return {
      store: this.#candidate.module.name,
      seed: this.#candidate.seed,
      processes: this.#count,
      madeForMs: this.#madeForMs,
      checkedForMs: this.#checkedForMs,
      ...this.#totals,
    };
  }

  async round(ms: number): Promise<void> {
    this.#rounds++;
    this.#disruptions = [];
    this.#endedAt = new Map();
    this.#isOver = false;
    const groups = Array.from({ length: GROUPS }, (_, i) => `r${this.#rounds}g${i + 1}`);
    const firstOfRound = this.#workers[0]?.number ?? this.#started + 1;
    for (const worker of this.#workers) this.#begin(worker, groups);
    while (this.#workers.length < this.#count && !this.#isEnded) await this.#start(groups);
    const from = now();
    const end = from + ms;
    const isOver = (): boolean => now() >= end || this.#isEnded;
    while (!isOver()) {
      const pause = Math.min(this.#random.below(BETWEEN_MS), Math.max(0, end - now()));
      await sleep(pause, undefined, this.#signal && { signal: this.#signal }).catch(() => {}); // it is aborted
      if (!isOver()) await this.#disturb(groups);
    }
    this.#isOver = true;
    await this.#finish(groups);
    this.#madeForMs += now() - from;
    this.#check(firstOfRound);
  }

  /** Whether the caller has ended the run before its time. */
  get #isEnded(): boolean {
    return this.#signal?.aborted === true;
  }

  #workloadOf(number: number, groups: readonly string[], what = "calls"): Workload {
    const { locks, revisions } = this.#candidate.capabilities;
    const path = this.#pathOf(number, what);
    const seed = this.#candidate.seed + this.#rounds * 1000 + number;
    return { path, process: number, seed, groups, callers: CALLERS, locks, revisions };
  }

  #pathOf(number: number, what = "calls"): string {
    return join(this.#directory, `${this.#rounds}-${number}-${what}.jsonl`);
  }

  async #start(groups: readonly string[]): Promise<void> {
    const child = await this.#startChild();
    if (child === undefined) return;
    const worker: Worker = { number: ++this.#started, child, job: undefined };
    this.#workers.push(worker);
    void child.ended.then(() => this.#endedAt.set(worker.number, now()));
    if (!this.#isOver) this.#begin(worker, groups);
  }

  /** What ends the run may end a process that has just been started: Ctrl-C reaches all. */
  async #startChild(): Promise<Child | undefined> {
    try {
      return await Child.start(this.#source, { timeoutMs: TIMEOUT_MS, leaseMs: LEASE_MS });
    } catch (error) {
      if (this.#isEnded) return undefined;
      throw error;
    }
  }

  #begin(worker: Worker, groups: readonly string[]): void {
    const job = worker.child.begin("history", this.#workloadOf(worker.number, groups));
    worker.job = job;
    job.result.catch(() => {}); // of a process that is killed
  }

  /** Does something to a process, or to the server. */
  async #disturb(groups: readonly string[]): Promise<void> {
    const { capabilities, module } = this.#candidate;
    const { restart, failover } = module.disruptions ?? {};
    const worker = this.#random.of(this.#workers);
    if (worker === undefined) return;
    const [what, kill] = failover === undefined ? ["restart of the server", restart] : ["failover", failover];
    const kind = this.#random.below(kill === undefined ? 10 : 11);
    const isDue = kind === 10 || now() - this.#restartedAt > WITHOUT_RESTART_MS;
    if (kill !== undefined && isDue) {
      await this.#during(what, undefined, async (begins) => kill(begins));
      this.#restartedAt = now();
    } else if (kind < 4 && process.platform !== "win32") {
      await this.#during("SIGSTOP", worker.number, async () => {
        await worker.child.kill("SIGSTOP");
        await sleep(this.#random.below(STOPPED_MS));
        await worker.child.kill("SIGCONT");
      });
    } else if (capabilities.durable) {
      await this.#during("SIGKILL", worker.number, () => worker.child.kill("SIGKILL"));
      this.#workers.splice(this.#workers.indexOf(worker), 1);
      await this.#start(groups);
    }
  }

  async #during(
    what: string,
    process: number | undefined,
    work: (begins: () => void) => Promise<unknown>,
  ): Promise<void> {
    let from = now();
    await work(() => {
      from = now();
    });
    this.#disruptions.push({ what, from, to: now(), ...(process !== undefined && { process }) });
  }

  /** Stops all callers, and reads every record once more. */
  async #finish(groups: readonly string[]): Promise<void> {
    for (const worker of [...this.#workers]) {
      try {
        await inTime(worker.job?.stop() ?? Promise.resolve(null), HANGS_MS);
      } catch (error) {
        this.#totals.anomalies.push(`✗ process ${worker.number} does not come to an end: ${show(error)}`);
        this.#workers.splice(this.#workers.indexOf(worker), 1);
        await worker.child.end();
      }
    }
    const [reader] = this.#workers;
    if (reader === undefined) return;
    await reader.child.run("readAll", this.#workloadOf(reader.number, groups, "reads"));
  }

  #check(firstOfRound: number): void {
    const from = performance.now();
    const calls: Operation[] = [...this.#late];
    const holds: Hold[] = [];
    const disruptions: Disruption[] = [...this.#disruptions];
    const end = now();
    for (let number = firstOfRound; number <= this.#started; number++) {
      for (const what of ["calls", "reads"]) {
        const path = this.#pathOf(number, what);
        if (!existsSync(path)) continue;
        const met = this.#disruptions.filter(({ process }) => process === undefined || process === number);
        const recorded: Recorded = readLog(path, number, this.#endedAt.get(number) ?? end, met);
        calls.push(...recorded.calls);
        holds.push(...recorded.holds);
        disruptions.push(...recorded.disruptions);
        rmSync(path);
      }
    }
    this.#late = calls.filter(({ group, until, outcome }) => {
      const isKnown = outcome !== undefined && !("code" in outcome && outcome.uncertain);
      return group === undefined && until > end && !isKnown;
    });
    const failovers = this.#disruptions.filter(({ what }) => what === "failover").map(failoverOf);
    const problems = checkHistory([...calls, ...failovers], holds, LEASE_MS);
    this.#totals.add(calls, holds, disruptions, problems);
    this.#checkedForMs += performance.now() - from;
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map(({ child }) => child.end()));
  }
}

function failoverOf({ from, to }: Disruption): Operation<Failover> {
  return { process: 0, action: { method: "failover" }, from, to, until: to };
}

/** What was counted so far. */
class Totals {
  readonly calls: Record<string, number> = {};
  readonly failures: Record<string, number> = {};
  readonly disruptions: Record<string, number> = {};
  uncertain = 0;
  longestMs = 0;
  longestCall = "";
  lostWrites = 0;
  lostLocks = 0;
  readonly anomalies: string[] = [];
  readonly undecided: string[] = [];

  add(
    calls: readonly Operation[],
    holds: readonly Hold[],
    disruptions: readonly Disruption[],
    { anomalies, lockAnomalies, undecided, lost, lostHolds }: Problems,
  ): void {
    for (const { action, outcome, from, to } of [...calls, ...holds]) {
      count(this.calls, action.method);
      if (outcome === undefined) {
        this.uncertain++;
        continue;
      }
      const failure = "code" in outcome ? outcome : undefined;
      if (failure !== undefined) count(this.failures, failure.code);
      if (failure?.uncertain) this.uncertain++;
      if (to - from > this.longestMs) {
        this.longestMs = to - from;
        this.longestCall = failure === undefined ? action.method : `${action.method}, ${failure.code}`;
      }
    }
    for (const { what } of disruptions) count(this.disruptions, what);
    if (this.longestMs > HANGS_MS)
      this.anomalies.push(`✗ a call took ${Math.round(this.longestMs)} ms: ${this.longestCall}`);
    this.anomalies.push(...anomalies.map(anomalyText), ...lockAnomalies.map(lockText));
    this.undecided.push(...undecided);
    this.lostWrites += lost.length;
    this.lostLocks += lostHolds.length;
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
