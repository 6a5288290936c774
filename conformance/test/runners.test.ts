import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { registerConformance } from "@tokenkeep/conformance";
import { expect, test } from "vitest";

const GOOD = new URL("./plain-store.mjs", import.meta.url);

test("it runs under node:test", () => {
  const file = fileURLToPath(new URL("./under-node-test.mjs", import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, ["--test", "--test-reporter=tap", file], {
    encoding: "utf8",
  });
  expect(stdout).toContain("not applicable: needs shared");
  expect(status).toBe(0);
});

test("it runs under a runner that, like mocha, sets a test's limit from within", async () => {
  const limits: number[] = [];
  const tests: { name: string; body: () => Promise<void> }[] = [];
  const runner = {
    describe: (_name: string, body: () => void) => body(),
    it: (name: string, body: () => Promise<void>) => tests.push({ name, body }),
  };
  await registerConformance(GOOD, runner, { only: ["2.6", "6.1"] });
  for (const { body } of tests) {
    // one argument would make it wait for a callback
    expect(body).toHaveLength(0);
    await body.call({ timeout: (ms: number) => limits.push(ms) });
  }
  const applied = tests.filter(({ name }) => !name.includes("not applicable"));
  expect(limits).toHaveLength(applied.length);
  expect(tests.length).toBeGreaterThan(applied.length);
});
