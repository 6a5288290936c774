import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileTokenStore } from "@tokenkeep/file";

/** Creates a file, saves, compacts, locks, and meets an error of the file system. */
export async function usesFileStore() {
  const directory = await mkdtemp(join(tmpdir(), "tokenkeep-"));
  try {
    const path = join(directory, "new", "tokens.jsonl");
    const store = new FileTokenStore(path);
    for (let n = 0; n < 300; n++) await store.saveToken({ id: "a", refreshToken: `${n}` });
    const token = await store.withLock("k", () => store.findTokenById("a"));
    await store.close();
    const impossible = new FileTokenStore(join(path, "impossible"));
    const error = await impossible.getTokens().catch((reason) => reason);
    await impossible.close();
    if (token.revision !== 300 || error.code !== "ERR_INVALID_OPTIONS") {
      throw new Error(`Revision ${token.revision}, error ${error}`);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}
