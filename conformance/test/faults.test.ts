import { describe, expect, it } from "vitest";
import { paragraphOf } from "../dist/case.js";
import { SENTENCES } from "../dist/contract.js";
import type { Case, StoreModule } from "../dist/index.js";
import { select } from "../dist/run.js";
import { runCase } from "../dist/run-case.js";
import { reasonNotToRun, type Subject } from "../dist/subject.js";
// The built kit, since its child processes run on plain Node; the faults are plain modules for the same reason.
import { plainModule } from "../faults/base.mjs";
import { brokenStore } from "../faults/broken-store.mjs";
import { faults } from "../faults/index.mjs";

type Fault = (typeof faults)[number];

/** Some faults show only when two calls meet, and on a busy machine they may miss each other once. */
const RACES = 3;

function subjectOf(module: StoreModule, path: string, undeclared: readonly string[] = []): Subject {
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

function casesFor(fault: Fault): Case[] {
  const subject = subjectOf(plainModule(), "../faults/base.mjs", fault.undeclared);
  return select(fault.paragraphs)
    .filter((test) => reasonNotToRun(test, subject) === undefined)
    .filter(({ name }) => fault.case === undefined || name.includes(fault.case));
}

describe("the store that the faults are planted in", () => {
  const sound = faults.filter(({ undeclared }) => undeclared === undefined);
  const meant = [...new Set(sound.flatMap(casesFor))];
  it.concurrent.each(meant.map((test) => ({ title: `${paragraphOf(test)} ${test.name}`, test })))(
    "passes $title",
    ({ test }) => runCase(test, subjectOf(plainModule(), "../faults/base.mjs")),
  );
});

describe("the kit fails a store with this fault", () => {
  it("of which there are at least 40, each under a name of its own", () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
    expect(faults.length).toBeGreaterThanOrEqual(40);
  });

  it("that some case is meant to find, for every sentence of the contract that is checked", () => {
    const meant = new Set(faults.flatMap(casesFor).flatMap(({ checks }) => checks));
    const checked = [...SENTENCES.values()].filter(({ notChecked }) => notChecked === undefined);
    expect(checked.map(({ id }) => id).filter((id) => !meant.has(id))).toEqual([]);
  });

  it.concurrent.each(faults.map((fault) => ({ title: fault.name, fault })))("$title", async ({ fault }) => {
    const path = `../faults/store.mjs?fault=${encodeURIComponent(fault.name)}`;
    const subject = subjectOf(brokenStore(fault.name), path, fault.undeclared);
    const cases = casesFor(fault);
    expect(cases, "there must be a case that is meant to catch it").not.toEqual([]);
    for (let race = 1; race <= RACES; race++) {
      for (const test of cases) {
        const isCaught = await runCase(test, subject).then(
          () => false,
          () => true,
        );
        if (isCaught) return;
      }
    }
    expect.fail(`not caught by any of: ${cases.map(({ name }) => name).join("; ")}`);
  });
});
