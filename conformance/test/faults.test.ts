import { describe, expect, it } from "vitest";
import type { Case, StoreModule } from "../dist/index.js";
import { select } from "../dist/run.js";
import { runCase, type Subject } from "../dist/run-case.js";
// The built kit, since its child processes run on plain Node; the faults are plain modules for the same reason.
import plain from "../faults/base.mjs";
import { brokenStore } from "../faults/broken-store.mjs";
import { faults } from "../faults/index.mjs";

type Fault = (typeof faults)[number];

function subjectOf(module: StoreModule, path: string): Subject {
  const capabilities = {
    durable: true,
    shared: true,
    revisions: true,
    locks: true,
    namespaces: true,
    iteration: true,
  };
  const moduleUrl = new URL(path, import.meta.url).href;
  return { module, moduleUrl, capabilities, seed: 20_261_125, rounds: 3 };
}

function casesFor(fault: Fault): Case[] {
  return select(fault.paragraphs)
    .filter((test) => !("lacks" in test)) // a case for stores that can't do what this one can
    .filter(({ name }) => fault.case === undefined || name.includes(fault.case));
}

describe("the store that the faults are planted in", () => {
  const meant = [...new Set(faults.flatMap(casesFor))];
  it.concurrent.each(meant.map((test) => ({ title: `${test.paragraph} ${test.name}`, test })))(
    "passes $title",
    ({ test }) => runCase(test, subjectOf(plain, "../faults/base.mjs")),
  );
});

describe("the kit fails a store with this fault", () => {
  it("of which there are at least 40, each under a name of its own", () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
    expect(faults.length).toBeGreaterThanOrEqual(40);
  });

  it.concurrent.each(faults.map((fault) => ({ title: fault.name, fault })))("$title", async ({ fault }) => {
    const path = `../faults/store.mjs?fault=${encodeURIComponent(fault.name)}`;
    const subject = subjectOf(brokenStore(fault.name), path);
    const cases = casesFor(fault);
    expect(cases, "there must be a case that is meant to catch it").not.toEqual([]);
    for (const test of cases) {
      const isCaught = await runCase(test, subject).then(
        () => false,
        () => true,
      );
      if (isCaught) return;
    }
    expect.fail(`not caught by any of: ${cases.map(({ name }) => name).join("; ")}`);
  });
});
