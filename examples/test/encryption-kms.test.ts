import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("../programs/encryption-kms.mjs", import.meta.url));

it("encryption-kms: seals under an unwrapped data key, and rotates it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tokenkeep-examples-"));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, join(directory, "kms.db")]);
    expect(stdout).toContain("keys: { '2026-05': 1 }");
    expect(stdout).toContain("isComplete: true");
    expect(stdout).toContain("keys: { '2026-11': 1 }");
    expect(stdout).toContain("true 1");
    for (const file of await readdir(directory)) {
      expect(await readFile(join(directory, file), "latin1")).not.toContain("a refresh token");
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
