import { describe, expect, it } from "vitest";
import type { Candidate } from "../dist/candidate.js";
import { reasonNotToRun } from "../dist/candidate.js";
import { paragraphOf } from "../dist/case.js";
import { SENTENCES } from "../dist/contract.js";
import type { Case, StoreModule } from "../dist/index.js";
import { select } from "../dist/run.js";
import { runCase } from "../dist/run-case.js";
import { newSpace, removeSpace } from "../dist/space.js";
// The kit's child processes are plain Node, so this uses the built kit, and the mutants are plain modules.
import { plainModule } from "../mutants/base.mjs";
import { mutants } from "../mutants/index.mjs";
import { mutantStore } from "../mutants/mutant-store.mjs";

type Mutant = (typeof mutants)[number];

/** Some mutants are caught only if two calls overlap, which may take several attempts on a busy machine. */
const ATTEMPTS = 3;

/** For all attempts: a case that catches a store that hangs takes its time. */
const LIMIT_MS = 300_000;

function candidateOf(module: StoreModule, path: string, undeclared: readonly string[] = []): Candidate {
  const declared = {
    durable: true,
    shared: true,
    revisions: true,
    locks: true,
    namespaces: true,
    iteration: true,
  };
  const without = Object.fromEntries(undeclared.map((name) => [name, false]));
  const capabilities = { ...declared, ...without };
  const moduleUrl = new URL(path, import.meta.url).href;
  return { module, moduleUrl, capabilities, seed: 20_261_125, rounds: 3 };
}

function casesFor(mutant: Mutant): Case[] {
  const candidate = candidateOf(plainModule(), "../mutants/base.mjs", mutant.undeclared);
  return select(mutant.paragraphs)
    .filter((test) => reasonNotToRun(test, candidate) === undefined)
    .filter(({ name }) => mutant.case === undefined || name.includes(mutant.case));
}

async function openOnce(module: StoreModule): Promise<void> {
  const space = await newSpace();
  const store = await module.open(space);
  await store.close().catch(() => {});
  await removeSpace(module, space);
}

describe("the correct store that the mutants are made from", () => {
  const declared = mutants.filter(({ undeclared }) => undeclared === undefined);
  const targeted = [...new Set(declared.flatMap(casesFor))];
  it.concurrent.each(targeted.map((test) => ({ title: `${paragraphOf(test)} ${test.name}`, test })))(
    "passes $title",
    ({ test }) => runCase(test, candidateOf(plainModule(), "../mutants/base.mjs")),
  );
});

describe("the kit fails the mutant", () => {
  it("of which there are at least 40, each with its own name", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.length).toBeGreaterThanOrEqual(40);
  });

  it("for every checked sentence of the contract", () => {
    const targeted = new Set(mutants.flatMap(casesFor).flatMap(({ checks }) => checks));
    const checked = [...SENTENCES.values()].filter(({ notChecked }) => notChecked === undefined);
    expect(checked.map(({ id }) => id).filter((id) => !targeted.has(id))).toEqual([]);
  });

  it.concurrent.each(mutants.map((mutant) => ({ title: mutant.name, mutant })))(
    "$title",
    async ({ mutant }) => {
      const path = `../mutants/store.mjs?mutant=${encodeURIComponent(mutant.name)}`;
      const candidate = candidateOf(mutantStore(mutant.name), path, mutant.undeclared);
      const cases = casesFor(mutant);
      // A mutant that can't even be opened would be caught by every case.
      await openOnce(candidate.module);
      expect(cases, "no case targets this mutant").not.toEqual([]);
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        for (const test of cases) {
          const isCaught = await runCase(test, candidate).then(
            () => false,
            () => true,
          );
          if (isCaught) return;
        }
      }
      expect.fail(`not caught by any of: ${cases.map(({ name }) => name).join("; ")}`);
    },
    LIMIT_MS,
  );
});
