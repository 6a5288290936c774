// `pnpm bench` measures every backend and writes the page; `pnpm bench redis file` measures these alone and
// prints what it saw; with `--page` their part of the page is written anew. `pnpm bench --words` measures nothing:
// it writes the page from what was measured last.
import { parseArgs } from "node:util";
import { ServerNotAvailable } from "@tokenkeep/test-servers";
import { type BackendResult, measureBackend } from "./measure-backend.js";
import { writePage } from "./page/page.js";
import type { Bench } from "./subject.js";

const BENCHES: Record<string, () => Promise<Bench>> = {
  memory: async () => (await import("./backends/memory.js")).memoryBench,
  file: async () => (await import("./backends/file.js")).fileBench,
  sqlite: async () => (await import("./backends/sqlite.js")).sqliteBench,
  mysql: async () => (await import("./backends/mysql.js")).mysqlBench,
  redis: async () => (await import("./backends/redis.js")).redisBench,
  mongo: async () => (await import("./backends/mongo.js")).mongoBench,
};

const { values, positionals } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  allowPositionals: true,
  options: {
    callers: { type: "string", default: "1,8,50" },
    sizes: { type: "string", default: "100,10000,100000" },
    rounds: { type: "string", default: "11" },
    "turn-ms": { type: "string", default: "100" },
    page: { type: "boolean", default: false },
    words: { type: "boolean", default: false },
  },
});
const unknown = positionals.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(", ")}. There are ${Object.keys(BENCHES).join(", ")}.`);
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
for (const name of values.words ? [] : isWhole ? Object.keys(BENCHES) : positionals) {
  try {
    results.push(await measureBackend(name, await BENCHES[name]!(), options));
  } catch (error) {
    if (!(error instanceof ServerNotAvailable)) throw error;
    console.log(`\nNOT RUN: ${error.message}`);
  }
}
if (isWhole || values.page) {
  const notes: Record<string, readonly string[]> = {};
  for (const [name, load] of Object.entries(BENCHES)) notes[name] = (await load()).notes;
  console.log(`\nWritten: ${writePage(results, notes).join(", ")}`);
}
