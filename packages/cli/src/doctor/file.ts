import { statSync } from "node:fs";
import { dirname } from "node:path";
import { escaped } from "../text.js";
import { type Finding, finding } from "./findings.js";

/**
 * Checks the modes of a store's files.
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
  return findings;
}
