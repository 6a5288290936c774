import { lstatSync, mkdirSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { TokenStoreError } from "@tokenkeep/core";
import { hasCode } from "./errors.js";
import { syncDirectory } from "./place.js";

/** The file's real path, so that all who come by a symbolic link agree. Its directory is made (0700). */
export function realPathOf(path: string): string {
  const full = resolve(path);
  try {
    return realpathSync(full);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  if (lstatSync(full, { throwIfNoEntry: false })?.isSymbolicLink()) {
    return realPathOf(resolve(realpathSync(dirname(full)), readlinkSync(full))); // what it leads to is to be made
  }
  const first = mkdirSync(dirname(full), { recursive: true, mode: 0o700 });
  if (first !== undefined) {
    for (let made = dirname(full); made.length >= first.length; made = dirname(made)) syncDirectory(made);
  }
  return join(realpathSync(dirname(full)), basename(full));
}

/**
 * @throws TokenStoreError `ERR_PERMISSION` where others than the owner may read or write the file,
 *   `ERR_INVALID_OPTIONS` where it is none
 */
export function checkFile(path: string, allowOthers: boolean): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isFile()) {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      `${path} is not a file (but a directory, a device, …). Choose another path.`,
    );
  }
  if (allowOthers || process.platform === "win32" || (stat.mode & 0o077) === 0) return;
  throw new TokenStoreError(
    "ERR_PERMISSION",
    `${path} can be read or written by others (mode ${(stat.mode & 0o777).toString(8)}). Run chmod 600 on it, or pass allowOthers: true.`,
  );
}
