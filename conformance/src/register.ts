import { loadCandidate, ModuleError, reasonNotToRun } from "./candidate.js";
import { type Case, paragraphOf } from "./case.js";
import { checkRunOptions, type RunOptions, select } from "./run.js";
import { limitOf, runCase } from "./run-case.js";

/** The functions of a test runner: vitest, jest, mocha, node:test. */
export interface TestRunner {
  describe(name: string, register: () => void): unknown;
  it: RegisterTest & {
    /** Registers a skipped test, if the runner has that. */
    skip?: RegisterTest;
  };
}

/**
 * Registers one test.
 * @param name what it tests
 * @param run runs it
 * @param timeoutMs how long it may take, in milliseconds, if the runner supports that
 */
export type RegisterTest = (name: string, run: () => Promise<void>, timeoutMs?: number) => unknown;

/** The runner's limit is this much longer than the case's, which ends it with a message: opening and closing need time too. */
const MARGIN_MS = 300_000;

/**
 * Registers the kit's cases with a test runner. Await it at the top level of a test file.
 *
 * A case that does not apply to the store is registered as skipped, with the reason in its name.
 * `CONFORMANCE_ONLY=3.4,5`, `CONFORMANCE_SEED` and `CONFORMANCE_ROUNDS` in the environment override the options.
 * @param moduleUrl the URL of the store's module
 * @param runner the functions of the test runner
 * @param options what to run, and how
 * @throws ModuleError for options that can't be, and a module that can't be used
 */
export async function registerConformance(
  moduleUrl: string | URL,
  runner: TestRunner,
  options: Omit<RunOptions, "onProgress"> = {},
): Promise<void> {
  const { describe, it } = runner ?? {};
  if (typeof describe !== "function" || typeof it !== "function") {
    throw new ModuleError("The second argument of registerConformance must be { describe, it }.");
  }
  checkRunOptions(options);
  const { only, seed, rounds } = { ...options, ...fromEnvironment() };
  const candidate = await loadCandidate(moduleUrl, { seed, rounds });
  const cases = select(only);
  const sections = [...new Set(cases.map(sectionOf))];
  describe(`${candidate.module.name} keeps the contract (seed ${candidate.seed})`, () => {
    for (const section of sections) {
      describe(`section ${section}`, () => {
        for (const test of cases.filter((one) => sectionOf(one) === section)) {
          const reason = reasonNotToRun(test, candidate);
          const title = `${paragraphOf(test)} ${test.name}`;
          if (reason !== undefined) (it.skip ?? it)(`${title} (not applicable: ${reason})`, async () => {});
          else register(it, title, () => runCase(test, candidate), limitOf(test, candidate) + MARGIN_MS);
        }
      });
    }
  });
}

/** So that a failure can be repeated without changing the test file. */
function fromEnvironment(): Omit<RunOptions, "onProgress"> {
  const { CONFORMANCE_ONLY, CONFORMANCE_SEED, CONFORMANCE_ROUNDS } = process.env;
  return {
    ...(CONFORMANCE_ONLY && { only: CONFORMANCE_ONLY.split(",") }),
    ...(CONFORMANCE_SEED && { seed: count("CONFORMANCE_SEED", CONFORMANCE_SEED) }),
    ...(CONFORMANCE_ROUNDS && { rounds: count("CONFORMANCE_ROUNDS", CONFORMANCE_ROUNDS) }),
  };
}

function count(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new ModuleError(`${name} must be an integer of 0 or more.`);
}

function sectionOf(test: Case): string {
  return paragraphOf(test).split(".")[0]!;
}

// vitest and jest take the limit as third argument. node:test takes options second, and has no limit by default. In mocha
// the test itself sets the limit.
function register(it: RegisterTest, title: string, run: () => Promise<void>, limitMs: number): void {
  const test = function (this: { timeout?: unknown } | undefined): Promise<void> {
    if (typeof this?.timeout === "function") this.timeout(limitMs);
    return run();
  };
  it(title, test, limitMs);
}
