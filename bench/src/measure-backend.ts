import { cpus } from "node:os";
import { faster, type Group, judge, type Verdict } from "./judge.js";
import type { Bench } from "./subject.js";
import { type Measured, measure } from "./turns.js";

export interface Options {
  readonly callers: readonly number[];
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly turnMs: number;
}

/** All that the page says of one backend. */
export interface BackendResult {
  /** What it is called on the command line. */
  readonly name: string;
  readonly backend: string;
  /** The server and its version; absent where there is none. */
  readonly server?: string;
  /** The day of the run, and what it ran on. */
  readonly date: string;
  readonly machine: string;
  readonly options: Options;
  readonly groups: readonly Group[];
  readonly verdicts: readonly Verdict[];
}

/** Starts a backend, measures each job with each number of callers, all subjects and sizes side by side. */
export async function measureBackend(name: string, bench: Bench, options: Options): Promise<BackendResult> {
  console.log(`\n${bench.backend}: filling ${options.sizes.map(written).join(", ")} tokens`);
  const running = await bench.start(options.sizes);
  try {
    const groups: Group[] = [];
    const verdicts: Verdict[] = [];
    for (const job of ["find", "save"] as const) {
      for (const callers of options.callers) {
        const measured = await measure(running.subjects, { ...options, job, callers });
        const group = { job, callers, measured };
        const judged = judge(group, bench.targets);
        print(bench.backend, group, judged);
        groups.push(group);
        verdicts.push(...judged);
      }
    }
    const { backend } = bench;
    const server = running.server === undefined ? {} : { server: running.server };
    const date = new Date().toISOString().slice(0, 10);
    const machine = `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}`;
    return { name, backend, ...server, date, machine, options, groups, verdicts };
  } finally {
    await running.stop();
  }
}

function print(backend: string, group: Group, verdicts: readonly Verdict[]): void {
  console.log(`\n${backend}, ${group.job}, ${callersText(group.callers)}`);
  const rows = group.measured.map((one: Measured) => [
    one.name,
    written(one.size),
    `${written(Math.round(one.perSecond))}/s`,
    duration(one.p50),
    `p99 ${duration(one.p99)}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    console.log(
      `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ")}`,
    );
  }
  for (const { text, size, value, met } of verdicts) {
    console.log(`  ${met ? "✓" : "✗"} ${written(size)} tokens: ${text}: ${value.toFixed(2)}`);
  }
  for (const { name, size, times } of faster(group)) {
    console.log(`  ! ${written(size)} tokens: ${name} is ${times.toFixed(2)} × as fast as the store`);
  }
}

export const written = (n: number): string => n.toLocaleString("en");
export const callersText = (callers: number): string => (callers === 1 ? "1 caller" : `${callers} callers`);

/** Microseconds, as a person reads them. */
export function duration(microseconds: number): string {
  if (microseconds < 10) return `${microseconds.toFixed(1)} µs`;
  if (microseconds < 1000) return `${microseconds.toFixed(0)} µs`;
  const ms = microseconds / 1000;
  return ms < 10
    ? `${ms.toFixed(1)} ms`
    : ms < 10_000
      ? `${ms.toFixed(0)} ms`
      : `${(ms / 1000).toFixed(0)} s`;
}
