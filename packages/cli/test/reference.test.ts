import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("the reference page is what the commands say: pnpm --filter tokenkeep run reference", async () => {
  const script = fileURLToPath(new URL("../scripts/reference.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, "-"]);
  expect(readFileSync(new URL("../docs/reference.md", import.meta.url), "utf8")).toBe(stdout);
});
