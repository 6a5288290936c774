// `pnpm bench`: all of it, or the backends named: `pnpm bench sqlite memory`.
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { ServerNotAvailable } from "@tokenkeep/test-servers";
import { benchFile } from "./backends/file.js";
import { benchMemory } from "./backends/memory.js";
import { benchMongo } from "./backends/mongo.js";
import { benchMysql } from "./backends/mysql.js";
import { benchRedis } from "./backends/redis.js";
import { benchSqlite } from "./backends/sqlite.js";
import { benchZohoFile } from "./backends/zoho-file.js";
import { type GroupResult, print } from "./harness.js";

const BACKENDS: Record<string, () => Promise<GroupResult[]>> = {
  memory: benchMemory,
  sqlite: benchSqlite,
  file: benchFile,
  "zoho-file": benchZohoFile,
  mongo: benchMongo,
  mysql: benchMysql,
  redis: benchRedis,
};

const wanted = process.argv.slice(2).filter((word) => word !== "--");
const unknown = wanted.filter((name) => !(name in BACKENDS));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(", ")}. There are ${Object.keys(BACKENDS).join(", ")}.`);
  process.exit(2);
}
const results: GroupResult[] = [];
const notRun: string[] = [];
for (const [name, bench] of Object.entries(BACKENDS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  try {
    for (const result of await bench()) {
      print(result);
      results.push(result);
    }
  } catch (error) {
    if (!(error instanceof ServerNotAvailable)) throw error;
    notRun.push(error.message);
    console.log(`\n${error.message}`);
  }
}
const machine = { node: process.version, cpu: cpus()[0]?.model, cpus: cpus().length };
writeFileSync("bench-results.json", `${JSON.stringify({ machine, results, notRun }, null, 2)}\n`);
console.log(`\nMedians of interleaved rounds on Node ${process.version}. In full: bench-results.json`);
