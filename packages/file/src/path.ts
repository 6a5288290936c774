import { mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { TokenStoreError } from "@tokenkeep/core";
import { hasCode } from "./errors.js";

/** The file's real path, so that all who come by a symbolic link agree. Its directory is made (0700). */
export function realPathOf(path: string): string {
  const full = resolve(path);
  try {
    return realpathSync(full);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  mkdirSync(dirname(full), { recursive: true, mode: 0o700 });
  return join(realpathSync(dirname(full)), basename(full));
}

/** @throws TokenStoreError `ERR_PERMISSION` where others than the owner may read or write the file */
export function checkMode(path: string): void {
  if (process.platform === "win32") return;
  let mode: number;
  try {
    mode = statSync(path).mode;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  if ((mode & 0o077) === 0) return;
  throw new TokenStoreError(
    "ERR_PERMISSION",
    `${path} can be read or written by others (mode ${(mode & 0o777).toString(8)}). Run chmod 600 on it, or pass allowOthers: true.`,
  );
}
