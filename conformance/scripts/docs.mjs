// Generates docs/coverage.md, and the blocks of real output in the README and in the page about the report. `--check`
// changes nothing, and exits with 1 if something is out of date.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { coverage, coveragePage } from "./coverage.mjs";
import { fill } from "./output.mjs";

const pathOf = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The documents with generated parts, as they should be: path → text. */
export function documents() {
  const filled = ["../README.md", "../../docs/conformance-report.md"].map((path) => [
    pathOf(path),
    fill(readFileSync(pathOf(path), "utf8")),
  ]);
  return new Map([[pathOf("../docs/coverage.md"), coveragePage()], ...filled]);
}

/** The paths of the documents that are out of date. */
export function stale() {
  return [...documents()].filter(([path, text]) => read(path) !== text).map(([path]) => path);
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { problems } = coverage();
  for (const problem of problems) console.error(problem);
  for (const path of stale()) {
    if (process.argv.includes("--check"))
      console.error(`${path} is out of date. Run \`pnpm --filter @tokenkeep/conformance docs\`.`);
    else writeFileSync(path, documents().get(path));
  }
  if (problems.length > 0 || stale().length > 0) process.exitCode = 1;
}
