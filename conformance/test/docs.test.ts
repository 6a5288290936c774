import { expect, test } from "vitest";
import { SENTENCES } from "../dist/contract.js";
import { allCases } from "../dist/index.js";
import { coverage } from "../scripts/coverage.mjs";
import { documents, stale } from "../scripts/docs.mjs";

test("every sentence of the contract has a case or says why none can check it, and no case names a missing one", () => {
  expect(coverage().problems).toEqual([]);
});

test("a sentence without a case is a problem, and so is a case for a missing sentence", () => {
  const [, ...rest] = allCases;
  const { problems } = coverage([{ ...allCases[0]!, checks: ["3.4z"] }, ...rest.slice(4)]);
  expect(problems.join("\n")).toContain("checks 3.4z, which the contract does not have");
  expect(problems.join("\n")).toMatch(/^No case checks 1\.0/m);
});

test("the sentences of the contract are in order", () => {
  const ids = [...SENTENCES.keys()];
  expect(ids.length).toBeGreaterThan(150);
  const inOrder = (one: string, other: string) =>
    Number(one.slice(0, -1)) - Number(other.slice(0, -1)) || (one < other ? -1 : 1);
  expect(ids).toEqual([...ids].sort(inOrder));
});

test("the documents show what the kit prints", { timeout: 120_000 }, () => {
  expect(stale(), "run: pnpm --filter @tokenkeep/conformance docs").toEqual([]);
  expect([...documents().keys()]).toHaveLength(3);
});
