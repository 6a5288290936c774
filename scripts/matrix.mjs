// What users get, on every runtime that they have: `node scripts/matrix.mjs [20 22 24 26 bun deno]
// [--only loading,memory] [--page]`. The packed packages are loaded, put through the conformance kit, and tried with
// Zoho's SDKs; then comes a table of what passed. With `--page`, docs/runtimes.md gets it.
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runKit } from "./lib/kit.mjs";
import { checkLoading } from "./lib/loading.mjs";
import { packPackages, projectOf } from "./lib/pack.mjs";
import { readReadme, runProgram } from "./lib/readme.mjs";
import { cache, environmentOf, findRuntime, RUNTIMES } from "./lib/runtimes.mjs";
import { onServer, SERVER_OF } from "./lib/servers.mjs";
import { markdownOf, writePage } from "./lib/table.mjs";
import { run, versionsOf } from "./lib/workspace.mjs";

const SDKS = ["@zohocrm/typescript-sdk-8.0", "@zohocrm/nodejs-sdk-8.0"];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, page: { type: "boolean" } },
});
const keys = positionals.length > 0 ? positionals : RUNTIMES;
const wanted = values.only?.split(",");
const unknown = keys.find((key) => !RUNTIMES.includes(key));
if (unknown !== undefined) throw new Error(`Name ${RUNTIMES.join(", ")}, not ${unknown}.`);

const NODE_24 =
  "better-sqlite3 12 was NOT RUN on Node 24: compiled with the headers of Node 24.19 or newer, it aborts the process " +
  "when it collects a statement (https://github.com/nodejs/node/issues/65446). On Node 24, use node:sqlite or 13.";

/** By the name of the column: what is tried, and where it can be. */
const COLUMNS = {
  loading: { work: async ({ project, runtime }) => `${await checkLoading(project, runtime)} entries` },
  memory: { work: (each) => kit(each, "memory") },
  file: { work: (each) => kit(each, "file") },
  // the store takes node:sqlite wherever there is one
  "node:sqlite": { where: ({ key }) => key !== "20", work: (each) => kit(each, "sqlite") },
  "better-sqlite3 12": {
    where: ({ key }) => ["20", "22", "24"].includes(key),
    work: async ({ runtime, older }) => {
      if (runtime.key === "24") return NODE_24;
      return betterSqlite({ runtime, project: await older() });
    },
  },
  "better-sqlite3 13": { where: ({ key }) => key !== "20", work: betterSqlite },
  "zoho-crm": { work: bothSdks },
};
for (const [name, server] of Object.entries(SERVER_OF)) {
  const store = name.split("/")[1];
  COLUMNS[store] = { server, work: (each) => kit(each, store) };
}
const columns = Object.entries(COLUMNS).filter(([name]) => wanted === undefined || wanted.includes(name));
if (columns.length === 0) throw new Error(`The columns are: ${Object.keys(COLUMNS).join(", ")}.`);

const folder = await mkdtemp(join(tmpdir(), "tokenkeep-matrix-"));
const table = new Map();
const failures = [];
const notRun = new Set();
try {
  const tarballs = await packPackages(folder);
  const runtimes = [];
  for (const key of keys) {
    const runtime = await findRuntime(key);
    table.set(runtime.label, {});
    const dependencies = { ...versionsOf(), ...versionsOf(SDKS), ...newestSqlite(key) };
    const project = await installed(runtime, "all", projectOf(tarballs, { dependencies }));
    const names = ["@tokenkeep/sqlite", "@tokenkeep/conformance"];
    const driver = { names, dependencies: versionsOf(["better-sqlite3"]) };
    const older = () => (key === "20" ? project : installed(runtime, "older", projectOf(tarballs, driver)));
    runtimes.push({ runtime, project, older });
  }
  for (const [name, { server, where = () => true, work }] of columns) {
    const onAll = async (url) => {
      for (const each of runtimes)
        if (where(each.runtime)) await cell(name, each, () => work({ ...each, url }));
      return "";
    };
    const outcome = server === undefined ? await onAll() : await onServer(server, onAll);
    if (outcome === "") continue;
    notRun.add(outcome);
    for (const { runtime } of runtimes) table.get(runtime.label)[name] = "NOT RUN";
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

console.log(`\nCases of the kit that passed, by runtime:\n\n${markdownOf(table, Object.keys(COLUMNS))}`);
for (const sentence of [...failures, ...notRun]) console.log(`\n${sentence}`);
const cells = [...table.values()].flatMap((row) => Object.values(row));
const passed = cells.filter((text) => !/FAILED|NOT RUN/.test(text)).length;
console.log(
  `\n${passed} passed, ${failures.length} failed, ${cells.length - passed - failures.length} skipped`,
);
if (values.page) await writePage(table, Object.keys(COLUMNS));
process.exitCode = failures.length > 0 ? 1 : 0;

async function cell(column, { runtime: { label } }, work) {
  const row = table.get(label);
  const start = Date.now();
  try {
    row[column] = await work();
    if (row[column].includes("NOT RUN")) {
      notRun.add(row[column]);
      row[column] = "NOT RUN";
    }
  } catch (error) {
    row[column] = "FAILED";
    failures.push(`${column} on ${label}: ${error.message}`);
    console.error(error.message);
  }
  console.log(`${label}, ${column}: ${row[column]} (${((Date.now() - start) / 1000).toFixed(0)} s)`);
  // At once: a run takes hours, and one that is stopped has its results.
  if (values.page) await writePage(table, Object.keys(COLUMNS));
}

async function kit({ project, runtime, url }, store, options) {
  const { summary, cases } = await runKit(project, store, runtime, { url, ...options });
  const failed = cases.filter(({ status }) => status === "failed");
  if (failed.length > 0) throw new Error(failed.map(({ name, message }) => `${name}\n${message}`).join("\n"));
  return String(summary.passed);
}

/** A database of the caller's; on Node 20, the store itself takes this driver. */
function betterSqlite(each) {
  const module = each.runtime.key === "20" ? "store.mjs" : "store-database.mjs";
  return kit(each, "sqlite", { module, env: { SQLITE_DRIVER: "better-sqlite3" } });
}

/** better-sqlite3 13 is for Node 22 and newer. */
function newestSqlite(key) {
  return key === "20" ? versionsOf(["better-sqlite3"]) : { "better-sqlite3": "^13.2.0" };
}

async function bothSdks({ project, runtime }) {
  const { program } = await readReadme("packages/zoho-crm");
  for (const sdk of SDKS) {
    await rm(join(project, "tokens.db"), { force: true });
    await runProgram(project, program.replace(SDKS[0], sdk), { runtime });
  }
  return `${SDKS.length} SDKs`;
}

async function installed(runtime, name, manifest) {
  const project = join(folder, `${name}-${runtime.key}`);
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify(manifest));
  const env = environmentOf(runtime);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...flags], { cwd: project, env });
  await compile(project, runtime, env);
  return project;
}

/** Compiles better-sqlite3 for this Node, or takes what was compiled last time. */
async function compile(project, { label }, env) {
  const driver = join(project, "node_modules/better-sqlite3");
  if (existsSync(join(driver, "prebuilds"))) return; // 13 brings it along
  const binary = "build/Release/better_sqlite3.node";
  const { version } = JSON.parse(await readFile(join(driver, "package.json"), "utf8"));
  const kept = join(cache, `better-sqlite3-${version}-${label}.node`);
  if (!existsSync(kept)) {
    await run("npm", ["rebuild", "better-sqlite3"], { cwd: project, env });
    await mkdir(cache, { recursive: true });
    await copyFile(join(driver, binary), kept);
  }
  await mkdir(join(driver, "build/Release"), { recursive: true });
  await copyFile(kept, join(driver, binary));
}
