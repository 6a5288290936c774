// Runs every package's tests, then says how many there were and names what could not be run.
// A second run with nothing changed is served from turbo's cache, reports included.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";

const folders = [
  ...readdirSync("packages").map((name) => join("packages", name)),
  "conformance",
  "conformance/hostile",
  "examples",
  "bench",
  "docs/generator",
];
const reports = folders.map((folder) => join(folder, "test-report"));

for (const report of reports) rmSync(report, { recursive: true, force: true });

// whether there is a Docker engine decides what runs, so it belongs to what the cache goes by
const docker = spawnSync("docker", ["info"], { stdio: "ignore" }).status === 0;
// two packages at a time: much of what they do is to wait, and several end with one long file
const { status } = spawnSync(
  "turbo",
  ["run", "test", "--continue", "--concurrency=2", "--output-logs=new-only", ...process.argv.slice(2)],
  { stdio: "inherit", env: { ...process.env, TOKENKEEP_DOCKER: docker ? "yes" : "no" } },
);

const totals = { passed: 0, failed: 0, skipped: 0 };
let notApplicable = 0;
const notRun = new Set();
const failures = [];
for (const report of reports.filter((folder) => existsSync(folder))) {
  for (const name of readdirSync(report)) {
    const text = readFileSync(join(report, name), "utf8");
    if (name.startsWith("not-run-")) notRun.add(text.trim());
    if (name !== "results.json") continue;
    const result = JSON.parse(text);
    totals.passed += result.numPassedTests;
    totals.failed += result.numFailedTests;
    totals.skipped += result.numPendingTests + result.numTodoTests;
    for (const file of result.testResults) failures.push(...failuresOf(file));
    const tests = result.testResults.flatMap(({ assertionResults }) => assertionResults);
    notApplicable += tests.filter(({ title }) => title.includes("(not applicable: ")).length;
  }
}
if (notRun.size > 0) console.log(`\nNOT RUN:\n${[...notRun].map((line) => `  ${line}`).join("\n")}`);
// once more at the end, where a long log is read first
if (failures.length > 0) console.log(`\nFAILED:\n${failures.join("\n")}`);
console.log(`\nOf those skipped, ${notApplicable} are cases of the kit that do not apply to the store.`);
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
if (totals.passed === 0) console.log("No test ran.");
process.exit(status === 0 && totals.passed > 0 && totals.failed === 0 ? 0 : 1);

/** What failed in one test file, with what was said of it; the file itself where it could not be loaded. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = relative("", name);
  const failed = assertionResults.filter((test) => test.status === "failed");
  if (failed.length === 0) return status === "failed" ? [`  ${file}\n${indented(message)}`] : [];
  return failed.map(
    ({ fullName, failureMessages }) => `  ${file} > ${fullName}\n${indented(failureMessages.join("\n"))}`,
  );
}

function indented(text) {
  const ours = text.split("\n").filter((line) => !/^\s+at .*(node_modules|node:)/.test(line));
  return ours.map((line) => `    ${line}`).join("\n");
}
