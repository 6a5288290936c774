// Whatever a program passes in: a public function never fails with an untyped error, never hangs, and a call that was
// refused has changed nothing. A nightly run makes a million calls: TOKENKEEP_HOSTILE_CASES=1000000. Its input is new
// each time; that of the usual run is always the same, so that what fails there is due to a change, not to chance.
import * as core from "@tokenkeep/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { aborted } from "./values.js";

/** How many calls there are in all. */
const CASES = Number(process.env.TOKENKEEP_HOSTILE_CASES ?? 4000);
const SEED = process.env.TOKENKEEP_HOSTILE_CASES === undefined ? { seed: 20 } : {};
/** A call that takes longer hangs. Nothing here waits for anything. */
const HANGS_MS = 10_000;

/** A function, what it is called with, and what else may be thrown. */
export interface Target {
  readonly name: string;
  readonly args: readonly fc.Arbitrary<unknown>[];
  readonly call: (...args: never[]) => unknown;
  /** Called before each call. */
  readonly prepare?: () => Promise<unknown>;
  /** What must not change where a call is refused; called before and after. */
  readonly content?: () => Promise<unknown>;
  readonly allows?: (error: Error) => boolean;
}

/** Reads all that a store has. */
export function contentOf(store: core.TokenStore): () => Promise<string> {
  return async () => JSON.stringify((await store.getTokens()).map((one) => one.toPlain()));
}

/**
 * Registers a test for each function.
 * @param share the part of all calls that these functions get
 */
export function testAll(targets: readonly Target[], share: number): void {
  const numRuns = Math.ceil((CASES * share) / targets.length);
  test.each(targets)("$name", { timeout: 120_000 + CASES }, async (target) => {
    const { args, call, prepare, content, allows } = target;
    const property = fc.asyncProperty(fc.tuple(...args), async (values) => {
      await prepare?.();
      const before = await content?.();
      const failure = await failureOf(() => call(...(values as never[])));
      if (failure === undefined) return;
      const { error } = failure;
      const isTheCallers = error === aborted.reason;
      if (!core.isTokenStoreError(error) && !isTheCallers && !allows?.(error as Error)) {
        throw new Error(`not typed: ${error instanceof Error ? error.stack : String(error)}`);
      }
      expect(await content?.()).toEqual(before);
    });
    await fc.assert(property, { ...SEED, numRuns });
  });
}

/** What a call threw or rejected with. */
async function failureOf(call: () => unknown): Promise<{ error: unknown } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("the call hangs")), HANGS_MS);
  });
  try {
    await Promise.race([hangs, (async () => call())()]);
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
  }
}
