// `pnpm bench` measures every backend and writes the page; `pnpm bench redis file` measures only these and prints the
// results; with `--page` it also rewrites their part of the page. `pnpm bench --words` measures nothing: it writes the
// page from the last results.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ServerNotAvailable } from "@tokenkeep/test-servers";
import type { Bench } from "./bench.js";
import { type BackendResult, measureBackend } from "./measure-backend.js";
import { writePage } from "./page/page.js";

const PACKAGES = new URL("../../packages/", import.meta.url);

/** The heading of each backend by its folder, as their package.json declare them. */
const BACKENDS = new Map<string, string>();
for (const folder of readdirSync(PACKAGES)) {
  const manifest = new URL(`${folder}/package.json`, PACKAGES);
  if (!existsSync(manifest)) continue;
  const { tokenkeep } = JSON.parse(readFileSync(manifest, "utf8")) as { tokenkeep?: { backend: string } };
  if (tokenkeep !== undefined) BACKENDS.set(folder, tokenkeep.backend);
}

const benchOf = async (folder: string): Promise<Bench> =>
  ((await import(`./backends/${folder}.js`)) as { bench: Bench }).bench;

const { values, positionals } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  allowPositionals: true,
  options: {
    callers: { type: "string", default: "1,50" },
    sizes: { type: "string", default: "100,10000,100000" },
    rounds: { type: "string", default: "9" },
    "turn-ms": { type: "string", default: "100" },
    page: { type: "boolean", default: false },
    words: { type: "boolean", default: false },
  },
});
const unknown = positionals.filter((name) => !BACKENDS.has(name));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(", ")}. The backends are ${[...BACKENDS.keys()].join(", ")}.`);
  process.exit(2);
}
const numbers = (text: string): number[] => text.split(",").map(Number);
const options = {
  callers: numbers(values.callers),
  sizes: numbers(values.sizes),
  rounds: Number(values.rounds),
  turnMs: Number(values["turn-ms"]),
};

const isWhole = positionals.length === 0;
const results: BackendResult[] = [];
for (const name of values.words ? [] : isWhole ? BACKENDS.keys() : positionals) {
  try {
    results.push(await measureBackend(name, BACKENDS.get(name)!, await benchOf(name), options));
  } catch (error) {
    if (!(error instanceof ServerNotAvailable)) throw error;
    console.log(`\nNOT RUN: ${error.message}`);
  }
}
if (isWhole || values.page) {
  const notes: Record<string, readonly string[]> = {};
  for (const name of BACKENDS.keys()) notes[name] = (await benchOf(name)).notes;
  console.log(`\nWritten: ${writePage(results, notes, [...BACKENDS.keys()]).join(", ")}`);
}
