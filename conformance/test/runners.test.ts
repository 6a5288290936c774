import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { registerConformance } from "@tokenkeep/conformance";
import { expect, test } from "vitest";

const GOOD = new URL("./plain-store.mjs", import.meta.url);

test("the kit runs under node:test", () => {
  const file = fileURLToPath(new URL("./under-node-test.mjs", import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, ["--test", "--test-reporter=tap", file], {
    encoding: "utf8",
  });
  expect(stdout).toContain("not applicable: needs shared");
  expect(status).toBe(0);
});

test("the kit runs under a runner that, like mocha, sets a test's limit from within", async () => {
  const limits: number[] = [];
  const tests: { name: string; body: () => Promise<void> }[] = [];
  const runner = {
    describe: (_name: string, body: () => void) => body(),
    it: (name: string, body: () => Promise<void>) => tests.push({ name, body }),
  };
  await registerConformance(GOOD, runner, { only: ["2.6", "6.1"] });
  for (const { body } of tests) {
    // With an argument, mocha would wait for a callback.
    expect(body).toHaveLength(0);
    await body.call({ timeout: (ms: number) => limits.push(ms) });
  }
  const applied = tests.filter(({ name }) => !name.includes("not applicable"));
  expect(limits).toHaveLength(applied.length);
  expect(tests.length).toBeGreaterThan(applied.length);
});

test("the environment overrides the options", async () => {
  const names: string[] = [];
  const skipped: string[] = [];
  const it = Object.assign((name: string) => names.push(name), {
    skip: (name: string) => skipped.push(name),
  });
  const describe = (name: string, body: () => void) => {
    names.push(name);
    body();
  };
  const runner = { describe, it };
  process.env.CONFORMANCE_ONLY = "2.6,6.4";
  process.env.CONFORMANCE_SEED = "41";
  try {
    await registerConformance(GOOD, runner, { only: ["3"], seed: 3 });
    expect(names[0]).toContain("(seed 41)");
    expect(names.slice(1).every((name) => /^(section [26]$|2\.6 )/.test(name))).toBe(true);
    expect(skipped.every((name) => /^6\.4 .*\(not applicable: needs locks\)$/.test(name))).toBe(true);
    expect(skipped.length).toBeGreaterThan(0);
    process.env.CONFORMANCE_SEED = "many";
    await expect(registerConformance(GOOD, runner)).rejects.toThrow(
      "CONFORMANCE_SEED must be an integer of 0 or more.",
    );
  } finally {
    delete process.env.CONFORMANCE_ONLY;
    delete process.env.CONFORMANCE_SEED;
  }
});

test("an open() that never ends is reported", async () => {
  const { loadCandidate } = await import("../src/candidate.js");
  const module = "data:text/javascript,export default { name: 'stuck', open: () => new Promise(() => {}) }";
  await expect(loadCandidate(module)).rejects.toThrow(/open\(\) of stuck fails.*10000 ms/s);
}, 30_000);
