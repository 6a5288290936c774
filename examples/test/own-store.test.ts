import { readFile } from "node:fs/promises";
import { runConformance } from "@tokenkeep/conformance";
import { expect, it } from "vitest";

const folder = new URL("../own-store/", import.meta.url);

it("the store of the guide passes the kit", async () => {
  const report = await runConformance(new URL("kit.mjs", folder));
  expect(report.cases.filter(({ status }) => status === "failed")).toEqual([]);
  expect(report.summary.passed).toBeGreaterThan(50);
});

it.each(["list-store.mjs", "kit.mjs"])("the guide shows %s as it is", async (file) => {
  const guide = await readFile(new URL("../../docs/writing-a-store.md", import.meta.url), "utf8");
  expect(guide).toContain(await readFile(new URL(file, folder), "utf8"));
});
