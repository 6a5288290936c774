import {
  type BigIntStats,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf } from "@tokenkeep/core/backend";

/** The file that is at `path` now, or undefined. */
export function statAt(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

export function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

/** Deletes a file, unless another process already has. */
export function removeIfPresent(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** Flushes the directory of `path`, so that a new name survives a power cut. */
export function syncDirectory(path: string): void {
  if (process.platform === "win32") return; // Windows can't open a directory.
  const fd = openSync(dirname(path), "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * The real path of a file, so that processes that reach it by different symbolic links agree on its name.
 * @param create whether to create missing directories (0700)
 */
export function realPath(path: string, create: boolean): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    // The file that the link points to is the one to create.
    return realPath(resolve(realpathSync(dirname(path)), readlinkSync(path)), create);
  }
  if (!create) return path;
  const first = mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (first !== undefined) {
    for (let made = dirname(path); made.length >= first.length; made = dirname(made)) syncDirectory(made);
  }
  return join(realpathSync(dirname(path)), basename(path));
}

/** Whether `path` itself is a mount point, like a single file mounted into a container: no other file can replace it. */
export function isMountPoint(path: string): boolean {
  if (process.platform !== "linux") return false;
  const escaped = path.replace(
    /[\\ \t\n]/g,
    (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === escaped);
}
