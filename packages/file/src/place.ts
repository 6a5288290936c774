import { randomUUID } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { hasCode } from "./errors.js";

/** How long a file that was replaced keeps its second name, in milliseconds. */
const KEEP_MS = 3_600_000;

/** Makes a file with this text under a name that is free, whole and on disk, or leaves the one that is there. */
export function putNew(path: string, text: Iterable<string>): void {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const fd = openSync(temporary, "wx", 0o600);
    try {
      for (const part of text) writeAll(fd, part);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
  } finally {
    removeIfThere(temporary);
  }
  syncDirectory(path);
}

/** Puts the file `next` in the place of `path`; `next` stays as a second name of it. */
export function putInPlace(next: string, path: string): void {
  const name = `${path}.${randomUUID()}.tmp`;
  try {
    linkSync(next, name);
    renameSync(name, path);
  } finally {
    // a rename onto another name of the same file does nothing and leaves both
    removeIfThere(name);
  }
  syncDirectory(path);
}

/** Removes second names and temporary files that nobody can need any more. */
export function tidy(path: string, keep: string): void {
  const start = `${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    const full = join(dirname(path), name);
    if (full === keep || !name.startsWith(start) || !/^(tmp|next)$/.test(name.split(".").at(-1) ?? ""))
      continue;
    try {
      if (Date.now() - statSync(full).ctimeMs > KEEP_MS) unlinkSync(full);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
}

/** Writes it all, or throws what the rest met. */
export function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

/** Makes the names in the directory of `path` last. */
export function syncDirectory(path: string): void {
  if (process.platform === "win32") return; // Windows has no such thing
  const fd = openSync(dirname(path), "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
