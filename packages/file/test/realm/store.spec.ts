import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";
import { expect, it } from "vitest";

it("creates a file, saves, locks, and reports errors", async () => {
  const directory = mkdtempSync(join(tmpdir(), "tokenkeep-"));
  try {
    const path = join(directory, "new", "tokens.jsonl");
    const store = new FileTokenStore(path);
    for (let n = 0; n < 300; n++) await store.saveToken({ id: "a", refreshToken: `${n}` });
    expect(await store.withLock("k", async () => (await store.getTokens()).length)).toBe(1);
    await store.close();
    const other = new FileTokenStore(join(path, "impossible"));
    await expect(other.getTokens()).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    await other.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
