// The real output of the kit, for its documents. `<!-- output: failure -->` in a document marks the fenced block that
// follows.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const pathOf = (path) => fileURLToPath(new URL(path, import.meta.url));
const BLOCK = /(<!-- output: (\S+) -->\n```\w*\n)[\s\S]*?(^```$)/gm;

/** The document with every block of output as the kit prints it now. */
export function fill(document) {
  return document.replaceAll(BLOCK, (_block, start, name, end) => {
    if (!(name in OUTPUTS)) throw new Error(`There is no output ${name}.`);
    return `${start}${OUTPUTS[name]()}\n${end}`;
  });
}

const OUTPUTS = {
  /** What the terminal shows for a store with a bug, without the failures. */
  terminal: () => {
    const lines = reports().terminal.split("\n");
    const first = lines.findIndex((line) => line.startsWith("✗"));
    return [...lines.slice(0, first), "(the failures: see below)", ...lines.slice(-3)].join("\n");
  },
  /** One of its failures. */
  failure: () => {
    const lines = reports().terminal.split("\n");
    const start = lines.findIndex((line) => line.startsWith("✗"));
    return lines.slice(start, lines.indexOf("", start)).join("\n");
  },
  /** Its report as JSON, with one case of each status. */
  json: () => JSON.stringify({ ...reports().json, cases: oneOfEach(reports().json.cases) }, null, 2),
  /** Its report as JUnit XML, with one case of each status. */
  junit: () => {
    const kept = oneOfEach(reports().json.cases).map(({ name }) => name);
    const lines = reports().junit.split("\n");
    const start = (line) => line.trimStart().startsWith("<testcase");
    const isKept = (line) => kept.some((name) => line.includes(`name="${name}"`));
    let isIn = true;
    const shown = lines.filter((line) => {
      if (start(line)) isIn = isKept(line);
      else if (line === "</testsuite>") isIn = true;
      return isIn;
    });
    return shown.join("\n").trimEnd();
  },
  /** Its table for a README. */
  markdown: () => reports().markdown.trimEnd(),
  /** A failure that random calls found. */
  random: () => {
    const lines = run("random-store.mjs", "--only", "2.3", "--seed", "3").split("\n");
    const start = lines.findIndex((line) => line.startsWith("✗ 2.3 random"));
    return lines.slice(start).join("\n");
  },
  help: () => run("--help"),
  misuse: () => run("my-store.mjs", "--only", "10.1").split("\n", 1)[0],
  /** The types of the report, as they are in the source. */
  types: () => {
    const source = readFileSync(pathOf("../src/run.ts"), "utf8");
    const of = (name) =>
      source.match(new RegExp(`/\\*\\*[^/]*\\*/\nexport interface ${name} \\{[\\s\\S]*?\n\\}`))[0];
    return `${of("Report")}\n\n${of("CaseResult")}`;
  },
};

let made;
/** The reports of one run on the store with a bug. */
function reports() {
  if (made !== undefined) return made;
  const directory = mkdtempSync(join(tmpdir(), "tokenkeep-docs-"));
  const file = (name) => join(directory, name);
  const read = (name) => steady(readFileSync(file(name), "utf8"));
  try {
    const terminal = run(
      "my-store.mjs",
      ...["--seed", "7", "--json", file("json"), "--junit", file("junit"), "--markdown", file("markdown")],
    );
    made = { terminal, json: JSON.parse(read("json")), junit: read("junit"), markdown: read("markdown") };
    return made;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What the command prints, in the folder of the stores for the documents. */
function run(...args) {
  const { stdout, stderr } = spawnSync(process.execPath, [pathOf("../dist/cli.js"), ...args], {
    cwd: pathOf("stores/"),
    encoding: "utf8",
  });
  return steady(`${stdout}${stderr}`).trimEnd();
}

/** Ids that a store makes differ in each run: one replaces them all. */
function steady(text) {
  return text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "0b6c7a5e-…");
}

function oneOfEach(cases) {
  return ["passed", "failed", "not-applicable"].map((status) => cases.find((one) => one.status === status));
}
