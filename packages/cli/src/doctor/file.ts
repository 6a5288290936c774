import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { escaped } from "../text.js";
import { type Finding, finding } from "./findings.js";

/**
 * Checks the modes of a store's files, and what was left over.
 * @param path the file
 * @param endings those of the files that belong to it
 */
export function checkFiles(path: string, endings: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  const hasModes = process.platform !== "win32";
  for (const name of ["", ...endings].map((ending) => path + ending)) {
    const stats = statSync(name, { throwIfNoEntry: false });
    if (stats === undefined || !hasModes || (stats.mode & 0o077) === 0) continue;
    const mode = (stats.mode & 0o777).toString(8);
    findings.push(finding("readable-by-others", `${escaped(name)} has the mode ${mode}.`));
  }
  const folder = dirname(path);
  // A sticky directory, such as /tmp, lets nobody replace what is another's.
  if (hasModes && (statSync(folder).mode & 0o1002) === 0o002) {
    findings.push(
      finding("directory-writable-by-others", `Others can replace the files in ${escaped(folder)}.`),
    );
  }
  const leftovers = readdirSync(folder).filter((name) => isLeftover(folder, name, basename(path)));
  if (leftovers.length > 0) {
    findings.push(
      finding(
        "leftover-files",
        `A process that died left ${leftovers.map(escaped).join(", ")}, with tokens.`,
      ),
    );
  }
  return findings;
}

/** A file that has not grown for this long was left by a process that died, in milliseconds. */
const IDLE_MS = 600_000;

// What is to replace `tokens.jsonl` is called `tokens.jsonl.<which file>.<uuid>.tmp` until it does.
function isLeftover(folder: string, name: string, of: string): boolean {
  if (!name.startsWith(`${of}.`) || !/\.[0-9a-f-]{36}\.tmp$/.test(name)) return false;
  const stats = statSync(join(folder, name), { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > IDLE_MS;
}
