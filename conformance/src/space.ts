import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Space, StoreModule } from "./case.js";

/** A new, empty space. */
export async function newSpace(): Promise<Space> {
  return {
    id: `tk_${randomBytes(8).toString("hex")}`,
    directory: await mkdtemp(join(tmpdir(), "tokenkeep-kit-")),
  };
}

/** Removes what a space left behind. */
export async function removeSpace(module: StoreModule, space: Space): Promise<void> {
  await module.destroy?.(space);
  // Again where another process has created a file meanwhile.
  await rm(space.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
