// The four test runners: how each is asked for some of the cases, and what it says of them.
import type { Project } from "./project.js";

export interface RunnerReport {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** All that it printed. */
  readonly output: string;
}

interface Runner {
  /** @param filter a flag of its own and a pattern, for what a developer types to see one case again; or nothing */
  command(filter: readonly string[]): [command: string, ...args: string[]];
  readonly flag: string;
  read(stdout: string): Pick<RunnerReport, "passed" | "failed">;
}

type Titled = readonly { readonly title: string }[];

const titlesOf = (tests: Titled): string[] => tests.map(({ title }) => title);

// vitest's JSON is jest's
function readJest(stdout: string): Pick<RunnerReport, "passed" | "failed"> {
  type File = { readonly assertionResults: readonly { title: string; status: string }[] };
  const { testResults } = JSON.parse(stdout) as { testResults: readonly File[] };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const of = (wanted: string) => titlesOf(tests.filter(({ status }) => status === wanted));
  return { passed: of("passed"), failed: of("failed") };
}

function readMocha(stdout: string): Pick<RunnerReport, "passed" | "failed"> {
  const { passes, failures } = JSON.parse(stdout) as { passes: Titled; failures: Titled };
  return { passed: titlesOf(passes), failed: titlesOf(failures) };
}

/** https://testanything.org: `ok 3 - 2.4 title`, of which those with a directive (`# SKIP`) did not run. */
function readTap(stdout: string): Pick<RunnerReport, "passed" | "failed"> {
  const lines = [...stdout.matchAll(/^\s*(not )?ok \d+ - (\d+\.\d+ .*)$/gm)].filter(
    ([line]) => !/ # (SKIP|TODO)/.test(line),
  );
  const of = (failed: boolean) =>
    lines.filter(([, not]) => (not !== undefined) === failed).map(([, , title]) => title!);
  return { passed: of(false), failed: of(true) };
}

const script = (name: string, ...args: string[]): [string, ...string[]] => [
  "npm",
  "run",
  "--silent",
  `test:${name}`,
  "--",
  ...args,
];

export const RUNNERS = {
  vitest: { flag: "-t", command: (filter) => script("vitest", "--reporter=json", ...filter), read: readJest },
  jest: { flag: "-t", command: (filter) => script("jest", "--json", ...filter), read: readJest },
  mocha: { flag: "-g", command: (filter) => script("mocha", "--reporter=json", ...filter), read: readMocha },
  "node:test": {
    flag: "--test-name-pattern",
    // its flags stand before the file
    command: (filter) => [process.execPath, "--test", "--test-reporter=tap", ...filter, "test/node.test.mjs"],
    read: readTap,
  },
} as const satisfies Record<string, Runner>;

export type RunnerName = keyof typeof RUNNERS;
export const RUNNER_NAMES: readonly RunnerName[] = ["vitest", "jest", "mocha", "node:test"];

/**
 * Runs the cases in a test runner.
 * @param text only those that have this text in their names, with those of their groups in front
 */
export async function runIn(project: Project, name: RunnerName, text?: string): Promise<RunnerReport> {
  const runner: Runner = RUNNERS[name];
  // each takes a regular expression
  const pattern = text?.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const [command, ...args] = runner.command(pattern === undefined ? [] : [runner.flag, pattern]);
  const { stdout, output } = await project.run(command, args);
  try {
    const { passed, failed } = runner.read(stdout);
    // what does not apply to the store is a test that passes and says so
    return { passed: passed.filter((title) => !title.includes("(not applicable")), failed, output };
  } catch (error) {
    throw new Error(`${name} printed no report, but:\n${output}`, { cause: error });
  }
}
