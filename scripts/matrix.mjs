// What users get, on every Node that they run: `node scripts/matrix.mjs [20 22 24 26] [--only loading,memory]`.
// The packed packages are loaded, put through the conformance kit, and tried with Zoho's SDKs; then comes a table
// of what passed.
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runKit } from "./lib/kit.mjs";
import { checkLoading } from "./lib/loading.mjs";
import { cache, environmentOf, findNode } from "./lib/node.mjs";
import { packPackages, projectOf } from "./lib/pack.mjs";
import { readReadme, runProgram } from "./lib/readme.mjs";
import { onServer, SERVER_OF } from "./lib/servers.mjs";
import { run, versionsOf } from "./lib/workspace.mjs";

const SDKS = ["@zohocrm/typescript-sdk-8.0", "@zohocrm/nodejs-sdk-8.0"];
const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: "string" } } });
const majors = positionals.length > 0 ? positionals : ["20", "22", "24", "26"];
const wanted = values.only?.split(",");
const unusable = majors.find((major) => !/^\d+$/.test(major));
if (unusable !== undefined)
  throw new Error(`Name Nodes by their major version, such as 22, not ${unusable}.`);
const folder = await mkdtemp(join(tmpdir(), "tokenkeep-matrix-"));
const table = new Map();
const failures = [];
const notRun = new Set();

try {
  const tarballs = await packPackages(folder);
  for (const major of majors) {
    const node = await findNode(major);
    const row = {};
    table.set(node.version, row);
    const dependencies = { ...versionsOf(), ...versionsOf(SDKS), ...sqliteDriver(major) };
    const project = await installed(node, "all", projectOf(tarballs, { dependencies }));
    await cell(row, "loading", async () => `${await checkLoading(project, node.program)} entries`);
    for (const store of ["memory", "file"]) await cell(row, store, () => kit(project, store, node));
    await cell(row, "sqlite", () => kit(project, "sqlite", node));
    await cell(row, "sqlite 12", () => olderDriver(tarballs, node));
    await cell(row, "zoho-crm", () => bothSdks(project, node));
    for (const [name, server] of Object.entries(SERVER_OF)) {
      const store = name.split("/")[1];
      await cell(row, store, () => onServer(server, (url) => kit(project, store, node, url)));
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

console.log(`\nCases of the kit that passed, by Node:\n`);
const columns = [...new Set([...table.values()].flatMap((row) => Object.keys(row)))];
const lines = [
  ["Node", ...columns],
  ["---", ...columns.map(() => "---")],
];
for (const [version, row] of table) lines.push([version, ...columns.map((column) => row[column] ?? "–")]);
for (const line of lines) console.log(`| ${line.join(" | ")} |`);
for (const sentence of [...failures, ...notRun]) console.log(`\n${sentence}`);
const cells = [...table.values()].flatMap((row) => Object.values(row));
if (cells.length === 0) throw new Error(`No column of the table is named ${values.only}.`);
const passed = cells.filter((text) => !/FAILED|NOT RUN/.test(text)).length;
console.log(
  `\n${passed} passed, ${failures.length} failed, ${cells.length - passed - failures.length} skipped`,
);
process.exitCode = failures.length > 0 ? 1 : 0;

async function cell(row, column, work) {
  if (wanted !== undefined && !wanted.includes(column)) return;
  const [version] = [...table].find(([, each]) => each === row);
  const start = Date.now();
  try {
    row[column] = await work();
    if (row[column].includes("NOT RUN")) {
      notRun.add(row[column]);
      row[column] = "NOT RUN";
    }
  } catch (error) {
    row[column] = "FAILED";
    failures.push(`${column} on Node ${version}: ${error.message}`);
  }
  console.log(`Node ${version}, ${column}: ${row[column]} (${((Date.now() - start) / 1000).toFixed(0)} s)`);
}

async function kit(project, store, { program }, url) {
  const { summary, cases } = await runKit(project, store, { program, url });
  const failed = cases.filter(({ status }) => status === "failed");
  if (failed.length > 0) throw new Error(failed.map(({ name, message }) => `${name}\n${message}`).join("\n"));
  return String(summary.passed);
}

/** better-sqlite3 13 is for Node 22 and newer. */
function sqliteDriver(major) {
  return Number(major) >= 22 ? { "better-sqlite3": "^13.2.0" } : versionsOf(["better-sqlite3"]);
}

/** better-sqlite3 12, where `sqlite` is 13. */
async function olderDriver(tarballs, node) {
  if (node.major === "20") return "see sqlite";
  if (node.major === "24") {
    return (
      "sqlite 12 was NOT RUN: compiled with the headers of Node 24.19 or newer, better-sqlite3 12 aborts the process " +
      "when it collects a statement (https://github.com/nodejs/node/issues/65446). On Node 24, use 13."
    );
  }
  const names = ["@tokenkeep/sqlite", "@tokenkeep/conformance"];
  const manifest = projectOf(tarballs, { names, dependencies: versionsOf(["better-sqlite3"]) });
  return kit(await installed(node, "older", manifest), "sqlite", node);
}

async function bothSdks(project, { program: node }) {
  const { program } = await readReadme("packages/zoho-crm");
  for (const sdk of SDKS) {
    await rm(join(project, "tokens.db"), { force: true });
    await runProgram(project, program.replace(SDKS[0], sdk), { node });
  }
  return `${SDKS.length} SDKs`;
}

async function installed(node, name, manifest) {
  const project = join(folder, `${name}-${node.major}`);
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify(manifest));
  const env = environmentOf(node);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...flags], { cwd: project, env });
  const opened = ["sqlite", "sqlite 12", "zoho-crm"];
  if (wanted === undefined || wanted.some((column) => opened.includes(column))) {
    await compiled(project, node, env);
  }
  return project;
}

/** Compiles better-sqlite3 for this Node, or takes what was compiled last time. */
async function compiled(project, node, env) {
  const driver = join(project, "node_modules/better-sqlite3");
  if (existsSync(join(driver, "prebuilds"))) return; // 13 brings it along
  const binary = "build/Release/better_sqlite3.node";
  const { version } = JSON.parse(await readFile(join(driver, "package.json"), "utf8"));
  const kept = join(cache, `better-sqlite3-${version}-${node.version}.node`);
  if (!existsSync(kept)) {
    await run("npm", ["rebuild", "better-sqlite3"], { cwd: project, env });
    await mkdir(cache, { recursive: true });
    await copyFile(join(driver, binary), kept);
  }
  await mkdir(join(driver, "build/Release"), { recursive: true });
  await copyFile(kept, join(driver, binary));
}
