import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("../scripts/compare.mjs", import.meta.url));

it("next to what people use today: one request per user, and nobody is logged out", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, "2", "5", "3"]);
  expect(stdout).toContain("2 processes, 5 users, 30 calls in all");
  expect(stdout).toContain("| TokenManager | 5 | 30 | 0 of 5 |");
  // a lost race is what the others are about: without a lock, the same moment logs users out
  expect(stdout).toMatch(/\| plain find, refresh, save \| \d+ \| \d+ \| [1-5] of 5 \|/);
  console.log(stdout);
}, 180_000);
