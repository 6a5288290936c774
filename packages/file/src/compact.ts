import { fstatSync } from "node:fs";
import { Draft } from "./draft.js";
import { encodeHead, newHead } from "./head.js";
import { encodeLine } from "./line.js";
import type { LogFile } from "./log-file.js";
import { isMountPoint, lookAt } from "./place.js";
import type { State } from "./state.js";

/**
 * Puts a file with nothing but what `file` adds up to in its place. Others go on saving meanwhile: until the
 * file is sealed, and from then on in the new one.
 * @returns false where something else came to its place first
 */
export function compact(file: LogFile<State>, kind: string): Promise<boolean> {
  return Draft.use(file.path, file.head.id, fstatSync(file.fd), async (draft) => {
    const later: string[] = [];
    const unwatch = file.watch((text) => later.push(`${text}\n`));
    try {
      return await write(draft, file, kind, later);
    } finally {
      unwatch();
    }
  });
}

async function write(draft: Draft, file: LogFile<State>, kind: string, later: string[]): Promise<boolean> {
  const { path, state } = file;
  // only now that the draft is there: see Draft
  if (!file.isAt(lookAt(path))) return false;
  const head = newHead(file.head.id);
  const snapshot = state.snapshot();
  let lines = 1;
  await draft.write(encodeHead(kind, head));
  for (const line of snapshot) {
    await draft.write(encodeLine(line));
    lines++;
  }
  await draft.sync(); // most of it, so that the rest takes no time
  if (!file.isAt(lookAt(path))) return false;
  if (!file.isSealed) file.seal();
  for (const text of later) await draft.write(text);
  await draft.writeFirst(encodeHead(kind, { ...head, lines: lines + later.length, size: draft.size }));
  return draft.replace();
}

/** Why `file` can't be replaced by another, or undefined. */
export function whyNotCompact(file: LogFile<State>): string | undefined {
  // the other name would be left with the old file
  if (fstatSync(file.fd).nlink > 1) return "it has a second name (a hard link)";
  if (isMountPoint(file.path)) return "it is mounted by itself: mount its directory";
  return undefined;
}
