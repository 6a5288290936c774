import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

// Node's errors are of another realm there, as under jest: `instanceof Error` is false for them.
it("the store works in a vm context, as under vitest's vmThreads", () => {
  const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  const root = fileURLToPath(new URL("realm", import.meta.url));
  const env = { ...process.env, NO_COLOR: "1" };
  const run = spawnSync(process.execPath, [vitest, "run", "--root", root], { encoding: "utf8", env });
  expect(run.stdout + run.stderr).toMatch(/Tests +1 passed/);
  expect(run.status).toBe(0);
});
