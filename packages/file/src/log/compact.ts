import { fstatSync } from "node:fs";
import { LogError } from "./errors.js";
import { isMountPoint, statAt } from "./files.js";
import { encodeHeader, newHeader } from "./header.js";
import { encodeLine, type Line } from "./line.js";
import type { LogFile } from "./log-file.js";
import { Replacement } from "./replacement.js";
import type { State } from "./state.js";

/**
 * Replaces a file by one that has only the lines of its state. Other calls and processes go on saving meanwhile: to
 * the old file until it is sealed, and then to the new one.
 * @returns false where another replacement was first
 * @throws LogError `fixed`, before anything is changed
 */
export function compact(file: LogFile<State>, kind: string): Promise<boolean> {
  const problem = whyFixed(file);
  if (problem !== undefined) throw fixed(file.path, problem);
  return Replacement.use(file.path, file.header.id, async (replacement) => {
    const listed = await replacement.copyAccess(file.path, fstatSync(file.fd));
    if (listed !== undefined) throw fixed(file.path, listed);
    // Only now that the replacement exists: see Replacement.
    if (!file.isAt(statAt(file.path))) return false;
    const snapshot = file.state.snapshot();
    const later: string[] = [];
    const unwatch = file.watch((text) => later.push(`${text}\n`));
    try {
      return await write(replacement, file, kind, snapshot, later);
    } finally {
      unwatch();
    }
  });
}

async function write(
  replacement: Replacement,
  file: LogFile<State>,
  kind: string,
  snapshot: Iterable<Line>,
  later: readonly string[],
): Promise<boolean> {
  const header = newHeader(file.header.id);
  let lines = 1;
  await replacement.write(encodeHeader(kind, header));
  for (const line of snapshot) {
    await replacement.write(encodeLine(line));
    lines++;
  }
  await replacement.flush(); // Most of it, so that nobody waits long for the rest.
  if (!file.isAt(statAt(file.path))) return false;
  if (!file.isSealed) file.seal();
  for (const text of later) await replacement.write(text);
  const numbers = { lines: lines + later.length, size: replacement.size };
  await replacement.overwriteStart(encodeHeader(kind, { ...header, ...numbers }));
  return replacement.replace();
}

function whyFixed(file: LogFile<State>): string | undefined {
  // The other name would keep the old file.
  if (fstatSync(file.fd).nlink > 1) return "has a second name (a hard link)";
  if (isMountPoint(file.path)) return "is mounted by itself: mount its directory";
  return undefined;
}

function fixed(path: string, problem: string): LogError {
  return new LogError("fixed", `${path} can't be compacted: it ${problem}.`);
}
