#!/usr/bin/env node
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ModuleError } from "./candidate.js";
import { hasProblems, runHistories } from "./histories/run-histories.js";
import { textOfHistories } from "./histories/text.js";
import { untilInterrupted } from "./interrupt.js";
import { junitOf, markdownOf, textOf } from "./report.js";
import { type RunOptions, runConformance, select } from "./run.js";

const USAGE = `Usage: conformance ./my-store.mjs [options]

Checks a token store against the contract. The module's default export is
{ name, open(space, { namespace, timeoutMs, leaseMs }), destroy?(space) }. See the README.

  --only 3.4        only this paragraph, section (3) or sentence (3.4a); can be repeated
  --seed N          repeat the random choices of the run with this seed
  --histories TIME  instead of the cases, make random calls from several processes for this long (60s, 5m, 2h) while
                    the module's disruptions run, and check that one order of the calls explains all results;
                    Ctrl-C ends it with a report
  --processes N     how many processes make them (4)
  --rounds N        how often each kill test kills; 20 times as many random sequences are tried (3)
  --json FILE       write the report as JSON
  --junit FILE      write the report as JUnit XML
  --markdown FILE   write a table for the store's README
  --help            this text

Exit status: 0 if no case failed, 1 if one did, 2 if the kit could not run.`;

const CLEAR_LINE = "\r\u001b[K";

class Misuse extends Error {}

async function main(): Promise<number> {
  const { values, positionals } = parse();
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [path, ...rest] = positionals;
  if (path === undefined) throw new Misuse(`Name the module of your store.\n\n${USAGE}\n`);
  if (rest.length > 0) throw new Misuse(`Name one module, not ${positionals.join(" and ")}.`);
  if (!existsSync(path)) throw new Misuse(`There is no file ${path}.`);
  if (select(values.only).length === 0) throw new Misuse(`There is no case for ${values.only?.join(", ")}.`);
  if (values.histories !== undefined) return histories(path, values.histories, values);
  if (values.processes !== undefined) throw new Misuse("--processes goes with --histories.");
  const rounds = count("rounds", values.rounds);
  const report = await runConformance(pathToFileURL(resolve(path)), {
    only: values.only,
    seed: count("seed", values.seed),
    rounds,
    onProgress: progressOf(values.only),
  });
  console.log(textOf(report, rounds));
  await write(values.json, () => `${JSON.stringify(report, null, 2)}\n`);
  await write(values.junit, () => junitOf(report));
  await write(values.markdown, () => markdownOf(report));
  return report.summary.failed === 0 ? 0 : 1;
}

async function histories(
  path: string,
  time: string,
  { seed, processes, json }: { seed?: string; processes?: string; json?: string },
): Promise<number> {
  if (processes !== undefined && !(Number(processes) > 0))
    throw new Misuse("--processes takes a number above 0.");
  const report = await runHistories(pathToFileURL(resolve(path)), {
    durationMs: milliseconds(time),
    signal: untilInterrupted(),
    seed: count("seed", seed),
    processes: count("processes", processes),
    onProgress: ({ madeForMs }) => {
      if (process.stdout.isTTY) process.stdout.write(`${CLEAR_LINE}${Math.round(madeForMs / 1000)} s`);
    },
  });
  if (process.stdout.isTTY) process.stdout.write(CLEAR_LINE);
  console.log(textOfHistories(report));
  await write(json, () => `${JSON.stringify(report, null, 2)}\n`);
  return hasProblems(report) ? 1 : 0;
}

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d{1,6})(s|m|h)$/.exec(text) ?? [];
  const ms = Number(number) * { s: 1000, m: 60_000, h: 3_600_000 }[unit as "s" | "m" | "h"];
  if (!(ms > 0)) throw new Misuse("--histories takes a time: 60s, 5m or 2h.");
  return ms;
}

// Its type is what parseArgs infers.
function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        only: { type: "string", multiple: true },
        seed: { type: "string" },
        rounds: { type: "string" },
        histories: { type: "string" },
        processes: { type: "string" },
        json: { type: "string" },
        junit: { type: "string" },
        markdown: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error));
  }
}

async function write(path: string | undefined, text: () => string): Promise<void> {
  if (path === undefined) return;
  try {
    await writeFile(path, text());
  } catch (error) {
    throw new Misuse(`The report can't be written: ${error instanceof Error ? error.message : error}`);
  }
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new Misuse(`--${name} takes an integer of 0 or more.`);
  return Number(text);
}

/** Reports progress: on a terminal in one changing line, elsewhere one line for each failure. */
function progressOf(only: readonly string[] | undefined): NonNullable<RunOptions["onProgress"]> {
  const cases = select(only);
  let failed = 0;
  const draw = (done: number): void => {
    const next = cases[done];
    const failures = failed > 0 ? `${failed} failed, ` : "";
    const line = next === undefined ? "" : `${done}/${cases.length} ${failures}now: ${next.name}`;
    process.stdout.write(`${CLEAR_LINE}${line.slice(0, (process.stdout.columns || 80) - 1)}`);
  };
  if (process.stdout.isTTY) draw(0);
  return (result, done) => {
    if (result.status === "failed") {
      failed++;
      if (process.stdout.isTTY) process.stdout.write(CLEAR_LINE);
      console.log(`failed: ${result.paragraph} ${result.name}`);
    }
    if (process.stdout.isTTY) draw(done);
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof Misuse) console.error(`${error.message}\nSee conformance --help.`);
  else if (error instanceof ModuleError) console.error(error.message, error.cause ?? "");
  else console.error(error);
  process.exitCode = 2;
}
