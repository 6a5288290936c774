import { cpus } from "node:os";
import { type Bench, JOBS, type Job } from "./bench.js";
import { callersText, duration, written } from "./format.js";
import { measure } from "./rounds.js";
import { faster, type Group, judge, type Verdict } from "./targets.js";

export interface Options {
  readonly callers: readonly number[];
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly turnMs: number;
}

/** Everything that the page says of one backend. */
export interface BackendResult {
  /** Its folder in `packages/`. */
  readonly name: string;
  /** As a heading: "MySQL". */
  readonly backend: string;
  /** The server and its version; absent if there is none. */
  readonly server?: string;
  /** The day of the run, and the machine. */
  readonly date: string;
  readonly machine: string;
  readonly options: Options;
  readonly groups: readonly Group[];
  readonly verdicts: readonly Verdict[];
  /** Bytes that one token takes, by candidate, at the largest size. */
  readonly bytesPerToken: Readonly<Record<string, number>>;
}

/** Starts a backend, and measures each job with each number of callers, all candidates and sizes in one run. */
export async function measureBackend(
  name: string,
  backend: string,
  bench: Bench,
  options: Options,
): Promise<BackendResult> {
  console.log(`\n${backend}: filling ${options.sizes.map(written).join(", ")} tokens`);
  const running = await bench.start(options.sizes);
  try {
    const bytesPerToken: Record<string, number> = {};
    for (const { name: candidate, size, bytes } of running.candidates) {
      if (bytes !== undefined) bytesPerToken[candidate] = Math.round((await bytes()) / size);
    }
    for (const [candidate, bytes] of Object.entries(bytesPerToken)) {
      console.log(`  ${candidate}: ${written(bytes)} bytes per token`);
    }
    const groups: Group[] = [];
    const verdicts: Verdict[] = [];
    for (const job of Object.keys(JOBS) as Job[]) {
      for (const callers of options.callers) {
        const measured = await measure(running.candidates, { ...options, job, callers });
        if (measured.length === 0) continue;
        const group = { job, callers, measured };
        const judged = judge(group, bench.targets);
        print(backend, group, judged);
        groups.push(group);
        verdicts.push(...judged);
      }
    }
    const server = running.server === undefined ? {} : { server: running.server };
    const date = new Date().toISOString().slice(0, 10);
    const machine = `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}`;
    return { name, backend, ...server, date, machine, options, groups, verdicts, bytesPerToken };
  } finally {
    await running.stop();
  }
}

function print(backend: string, group: Group, verdicts: readonly Verdict[]): void {
  console.log(`\n${backend}, ${group.job}, ${callersText(group.callers)}`);
  const rows = group.measured.map((one) => [
    one.name,
    written(one.size),
    `${written(Math.round(one.perSecond))}/s`,
    duration(one.p50),
    `p99 ${duration(one.p99)}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)));
    console.log(`  ${cells.join("  ")}`);
  }
  for (const { text, size, met } of verdicts) {
    console.log(`  ${met ? "✓" : "✗"} ${written(size)} tokens: ${text}`);
  }
  for (const { name, size, times } of faster(group)) {
    console.log(`  ! ${written(size)} tokens: ${name} is ${times.toFixed(2)} × as fast as the store`);
  }
}
