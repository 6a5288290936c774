// A copy of the built @tokenkeep/core in which one piece of code is another one.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const DIST = dirname(fileURLToPath(import.meta.resolve("@tokenkeep/core")));

/** Its `BaseTokenStore`, after `from` was replaced by `to` in a file of `dist`. */
export async function mutatedBaseTokenStore({ file, from, to }) {
  const text = readFileSync(join(DIST, file), "utf8");
  if (text.split(from).length !== 2) throw new Error(`${file} must have once: ${from}`);
  const directory = mkdtempSync(join(tmpdir(), "tokenkeep-mutant-"));
  try {
    cpSync(DIST, directory, { recursive: true });
    writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(directory, file),
      text.replace(from, () => to),
    );
    const { BaseTokenStore } = await import(pathToFileURL(join(directory, "for-backends.js")).href);
    return BaseTokenStore;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
