// Which cases check which sentence of the contract: docs/coverage.md.
import { SENTENCES } from "../dist/contract.js";
import { allCases } from "../dist/index.js";

/** The cases of each sentence, and what is wrong: sentences without a case, cases of sentences that are not there. */
export function coverage(tests = allCases) {
  const cases = new Map([...SENTENCES.keys()].map((id) => [id, []]));
  const problems = [];
  for (const test of tests) {
    for (const id of test.checks) {
      if (cases.has(id)) cases.get(id).push(test);
      else problems.push(`The case "${test.name}" checks ${id}, which the contract does not have.`);
    }
  }
  for (const { id, notChecked } of SENTENCES.values()) {
    const count = cases.get(id).length;
    if (count === 0 && notChecked === undefined) problems.push(`No case checks ${id}.`);
    if (count > 0 && notChecked !== undefined) problems.push(`${id} is said not to be checked, and is.`);
  }
  return { cases, problems };
}

export function coveragePage() {
  const { cases } = coverage();
  const unchecked = [...SENTENCES.values()].filter(({ notChecked }) => notChecked !== undefined);
  const lines = [
    "# Which cases check which sentence",
    "",
    "Made by `pnpm --filter @tokenkeep/conformance docs` from [contract.md](contract.md) and the cases. A test fails where",
    "a sentence has no case, a case names a sentence that is not there, or this page is not what the command makes.",
    "",
    `${allCases.length} cases check ${SENTENCES.size - unchecked.length} of the ${SENTENCES.size} sentences; the contract says of the other ${unchecked.length} why no case can.`,
  ];
  let paragraph = "";
  for (const { id, text, notChecked } of SENTENCES.values()) {
    if (paragraph !== id.slice(0, -1)) {
      paragraph = id.slice(0, -1);
      lines.push("", `## ${paragraph}`, "", "| | sentence | cases |", "|---|---|---|");
    }
    const shown = notChecked === undefined ? namesOf(cases.get(id)) : `*not checked: ${notChecked}*`;
    lines.push(`| ${id} | ${cell(text)} | ${shown} |`);
  }
  return `${lines.join("\n")}\n`;
}

function namesOf(tests) {
  return tests.map((test) => cell(`${test.name}${conditionOf(test)}`)).join("<br>");
}

/** Under which condition a case applies, for the reader of the table. */
function conditionOf({ needs = [], lacks = [], disruptions = [] }) {
  const parts = [
    ...needs,
    ...lacks.map((name) => `no ${name}`),
    ...disruptions.map((name) => `disruptions.${name}`),
  ];
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function cell(text) {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
