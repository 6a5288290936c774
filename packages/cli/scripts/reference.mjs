// Writes docs/reference.md from the commands themselves, after a build. With `-` it prints the page.
import { writeFileSync } from "node:fs";
import { FINDINGS } from "../dist/doctor/findings.js";
import { createProgram } from "../dist/program.js";

const silent = { output: { say() {} }, signal: new AbortController().signal };
const program = createProgram(silent);

function helpOf(command) {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 1000 });
  command.outputHelp();
  return text;
}

const cell = (text) => text.replaceAll("|", "\\|").replaceAll("<", "\\<");

function sectionOf(command) {
  const [, examples] = helpOf(command).split("\nExamples:\n");
  const usage = `tokenkeep ${command.name()} ${command.usage()}`;
  const options = command.options.map(({ flags, description }) => `| \`${flags}\` | ${cell(description)} |`);
  return [
    `## ${command.name()}`,
    command.description(),
    `\`\`\`sh\n${[
      usage,
      "",
      ...examples
        .trimEnd()
        .split("\n")
        .map((line) => line.trim()),
    ].join("\n")}\n\`\`\``,
    ...(options.length > 0 ? [["| option | |", "|---|---|", ...options].join("\n")] : []),
  ];
}

const stores = helpOf(program).slice(helpOf(program).indexOf("Stores:"));
const findings = Object.entries(FINDINGS).map(
  ([name, [severity, advice]]) => `| \`${name}\` | ${severity} | ${cell(advice)} |`,
);
const page = [
  "# Reference of the command line",
  "<!-- Written by scripts/reference.mjs: change the commands, not this page. -->",
  "`--help`, or `tokenkeep COMMAND --help`, shows the same. What the commands guarantee is in the [README](../README.md).",
  `\`\`\`text\n${stores.trimEnd()}\n\`\`\``,
  ...program.commands.flatMap(sectionOf),
  "## What doctor finds",
  "By name, for `--ignore NAME`. With an error or a warning the exit status is 1.",
  ["| finding | severity | what to do |", "|---|---|---|", ...findings].join("\n"),
  "SQLite's `synchronous` is not among them: each connection has its own, which no other process can see. A store opens its " +
    "own connections with `FULL` or `NORMAL`; if it is given a database with `OFF`, the program gets the warning " +
    "`TOKENKEEP_SQLITE_SYNCHRONOUS`.",
].join("\n\n");

if (process.argv[2] === "-") process.stdout.write(`${page}\n`);
else writeFileSync(new URL("../docs/reference.md", import.meta.url), `${page}\n`);
