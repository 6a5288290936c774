import type { Capabilities } from "@tokenkeep/core";
import { type Candidate, loadCandidate, ModuleError, reasonNotToRun } from "./candidate.js";
import { type Case, paragraphOf } from "./case.js";
import { allCases } from "./cases/index.js";
import { runCase } from "./run-case.js";
import { isError } from "./show.js";

/** What to run, and how. */
export interface RunOptions {
  /** Only these parts: `3` is a section, `3.4` a paragraph, `3.4a` a sentence. */
  readonly only?: readonly string[] | undefined;
  /** Repeats the random choices of the run with this seed. */
  readonly seed?: number | undefined;
  /** How often each kill test kills; 3 by default. */
  readonly rounds?: number | undefined;
  /** Called after each case. */
  readonly onProgress?: ((result: CaseResult, done: number, total: number) => void) | undefined;
}

/** The result of one case. */
export interface CaseResult {
  /** What the case tests. */
  readonly name: string;
  /** The paragraph of the contract that it belongs to, such as `3.4`. */
  readonly paragraph: string;
  /** Whether it passed. */
  readonly status: "passed" | "failed" | "not-applicable";
  /** Why it failed or did not apply; empty if it passed. */
  readonly message: string;
}

/** The result of a run. */
export interface Report {
  /** The module's name for the store. */
  readonly store: string;
  /** What the store declares. */
  readonly capabilities: Capabilities;
  /** Pass it as {@link RunOptions.seed} to repeat the random choices. */
  readonly seed: number;
  /** How many cases had each status. */
  readonly summary: { readonly passed: number; readonly failed: number; readonly notApplicable: number };
  /** All results, in the order of the contract. */
  readonly cases: readonly CaseResult[];
}

/**
 * Selects cases.
 * @param only as {@link RunOptions.only}
 * @returns the cases of these parts of the contract; all cases if none is named
 * @throws ModuleError for what is no list of texts
 */
export function select(only: readonly string[] = []): Case[] {
  if (!Array.isArray(only) || !only.every((each) => typeof each === "string")) {
    throw new ModuleError('only must be a list such as ["3.4", "5"].');
  }
  if (only.length === 0) return [...allCases];
  return allCases.filter((test) =>
    only.some((wanted) => {
      const paragraph = paragraphOf(test);
      return paragraph === wanted || paragraph.startsWith(`${wanted}.`) || test.checks.includes(wanted);
    }),
  );
}

/**
 * Checks the options of a run before anything is run.
 * @throws ModuleError
 */
export function checkRunOptions(options: RunOptions): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ModuleError("The options of a run must be an object.");
  }
  const { only, seed, rounds, onProgress } = options;
  select(only);
  checkCount("seed", seed, 0);
  checkCount("rounds", rounds, 0);
  checkOnProgress(onProgress);
}

/** @throws ModuleError for what is no integer of `least` or more. It may be absent */
export function checkCount(name: string, value: unknown, least: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= least)) return;
  throw new ModuleError(`${name} must be an integer of ${least} or more.`);
}

/** @throws ModuleError for what is no function. It may be absent */
export function checkOnProgress(onProgress: unknown): void {
  if (onProgress === undefined || typeof onProgress === "function") return;
  throw new ModuleError("onProgress must be a function.");
}

/**
 * Runs the kit without a test runner.
 * @param moduleUrl the URL of the store's module
 * @param options what to run, and how
 * @returns the result of each case. A failed case does not reject
 * @throws ModuleError for options that can't be, and a module that can't be used
 */
export async function runConformance(moduleUrl: string | URL, options: RunOptions = {}): Promise<Report> {
  checkRunOptions(options);
  const candidate = await loadCandidate(moduleUrl, options);
  const cases = select(options.only);
  const results: CaseResult[] = [];
  for (const test of cases) {
    const result = await resultOf(test, candidate);
    results.push(result);
    options.onProgress?.(result, results.length, cases.length);
  }
  const count = (status: CaseResult["status"]): number =>
    results.filter((result) => result.status === status).length;
  return {
    store: candidate.module.name,
    capabilities: candidate.capabilities,
    seed: candidate.seed,
    summary: { passed: count("passed"), failed: count("failed"), notApplicable: count("not-applicable") },
    cases: results,
  };
}

async function resultOf(test: Case, candidate: Candidate): Promise<CaseResult> {
  const { name } = test;
  const paragraph = paragraphOf(test);
  const reason = reasonNotToRun(test, candidate);
  if (reason !== undefined) return { name, paragraph, status: "not-applicable", message: reason };
  try {
    await runCase(test, candidate);
    return { name, paragraph, status: "passed", message: "" };
  } catch (error) {
    return {
      name,
      paragraph,
      status: "failed",
      message: isError(error) ? error.message : String(error),
    };
  }
}
