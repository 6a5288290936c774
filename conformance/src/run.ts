import type { Capabilities } from "@tokenkeep/core";
import { type Candidate, loadCandidate, reasonNotToRun } from "./candidate.js";
import { type Case, paragraphOf } from "./case.js";
import { allCases } from "./cases/index.js";
import { runCase } from "./run-case.js";
import { isError } from "./show.js";

/** What to run, and how. */
export interface RunOptions {
  /** Only these parts: `3` for a section, `3.4` for a paragraph, `3.4a` for the cases of one sentence. */
  readonly only?: readonly string[] | undefined;
  /** Repeats what a run with this seed did. */
  readonly seed?: number | undefined;
  /** How often each kill test kills; 3 unless told otherwise. */
  readonly rounds?: number | undefined;
  /** Is told of each case when it is done. */
  readonly onProgress?: ((result: CaseResult, done: number, total: number) => void) | undefined;
}

/** What came of one case. */
export interface CaseResult {
  /** What the case shows. */
  readonly name: string;
  /** The paragraph of the contract that it stands in, such as `3.4`. */
  readonly paragraph: string;
  /** What came of it. */
  readonly status: "passed" | "failed" | "not-applicable";
  /** Why it failed or did not apply; empty where it passed. */
  readonly message: string;
}

/** What came of a run. */
export interface Report {
  /** The name that the module gives. */
  readonly store: string;
  /** What the store declares. */
  readonly capabilities: Capabilities;
  /** Repeats what was random, with {@link RunOptions.seed}. */
  readonly seed: number;
  /** How many cases there were of each status. */
  readonly summary: { readonly passed: number; readonly failed: number; readonly notApplicable: number };
  /** All of them, in the order of the contract. */
  readonly cases: readonly CaseResult[];
}

/**
 * Chooses cases.
 * @param only as {@link RunOptions.only}
 * @returns the cases of these parts of the contract; all of them where none is named
 */
export function select(only: readonly string[] = []): Case[] {
  if (only.length === 0) return [...allCases];
  return allCases.filter((test) =>
    only.some((wanted) => {
      const paragraph = paragraphOf(test);
      return paragraph === wanted || paragraph.startsWith(`${wanted}.`) || test.checks.includes(wanted);
    }),
  );
}

/**
 * Runs the kit without a test runner.
 * @param moduleUrl the URL of the store's module
 * @param options what to run, and how
 * @returns what came of each case; a failed one is no rejection
 */
export async function runConformance(moduleUrl: string | URL, options: RunOptions = {}): Promise<Report> {
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
