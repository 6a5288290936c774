import { TITLES } from "./contract.js";
import type { CaseResult, Report } from "./run.js";

type Counts = Readonly<Record<CaseResult["status"], number>>;

/** How many failures are shown in full: one fixes the first ones first. */
const IN_FULL = 20;

/** More failing paragraphs than this are not listed in the command to repeat. */
const MANY = 8;

/**
 * The report for a terminal: a line for each paragraph, then each failure in full.
 * @param rounds the run's own number of rounds, if it had one
 */
export function textOf(report: Report, rounds?: number | undefined): string {
  const { summary, cases, seed } = report;
  const lines = [`${report.store}: the contract, paragraph by paragraph`, ""];
  for (const [paragraph, results] of groups(report, (result) => result.paragraph)) {
    const counts = count(results);
    const mark = counts.failed > 0 ? "✗" : counts.passed > 0 ? "✓" : "–";
    const title = `${paragraph} ${TITLES.get(paragraph) ?? ""}`.padEnd(36);
    lines.push(`  ${mark} ${title} ${notes(counts)}`);
  }
  const failures = cases.filter(({ status }) => status === "failed");
  for (const { paragraph, name, message } of failures.slice(0, IN_FULL)) {
    lines.push("", `✗ ${paragraph} ${name}`, ...message.split("\n").map((line) => `    ${line}`));
  }
  const others = failures.slice(IN_FULL);
  if (others.length > 0) {
    lines.push("", `And ${others.length} more. Use --only to see them in full:`);
    lines.push(...others.map(({ paragraph, name }) => `✗ ${paragraph} ${name}`));
  }
  lines.push(
    "",
    `${summary.passed} passed, ${summary.failed} failed, ${summary.notApplicable} not applicable (seed ${seed})`,
  );
  if (failures.length > 0) {
    const paragraphs = [...new Set(failures.map(({ paragraph }) => paragraph))];
    const only = paragraphs.length > MANY ? [] : paragraphs.map((one) => `--only ${one}`);
    const again = [...only, `--seed ${seed}`];
    if (rounds !== undefined) again.push(`--rounds ${rounds}`);
    lines.push(`To repeat: ${again.join(" ")}`);
  }
  return lines.join("\n");
}

function notes({ passed, failed, "not-applicable": skipped }: Counts): string {
  const parts = [
    ...(passed > 0 ? [`${passed} passed`] : []),
    ...(failed > 0 ? [`${failed} FAILED`] : []),
    ...(skipped > 0 ? [`${skipped} not applicable`] : []),
  ];
  return parts.join(", ");
}

/** A table for a README: a line for each section. */
export function markdownOf(report: Report): string {
  const rows = groups(report, ({ paragraph }) => paragraph.split(".")[0]!).map(([section, results]) => {
    const counts = count(results);
    const failed = [
      ...new Set(results.filter(({ status }) => status === "failed").map(({ paragraph }) => paragraph)),
    ];
    const where = failed.length > 0 ? ` (${failed.join(", ")})` : "";
    const title = `${section}. ${TITLES.get(section) ?? ""}`;
    return `| ${title} | ${counts.passed} | ${counts.failed}${where} | ${counts["not-applicable"]} |`;
  });
  const { passed, failed, notApplicable } = report.summary;
  const declared = Object.entries(report.capabilities).flatMap(([name, holds]) =>
    holds ? [`\`${name}\``] : [],
  );
  return [
    `\`@tokenkeep/conformance\` on ${report.store}, which declares ${declared.join(", ") || "nothing"}:`,
    "",
    "| the contract | passed | failed | not applicable |",
    "|---|---|---|---|",
    ...rows,
    `| **all** | ${passed} | ${failed} | ${notApplicable} |`,
    "",
  ].join("\n");
}

/** JUnit XML, for continuous integration servers. */
export function junitOf(report: Report): string {
  const cases = report.cases.map(({ paragraph, name, status, message }) => {
    const open = `  <testcase classname="${xml(report.store)} ${xml(paragraph)}" name="${xml(name)}"`;
    if (status === "passed") return `${open}/>`;
    const inside =
      status === "failed"
        ? `<failure message="${xml(summaryOf(message))}">${xml(message)}</failure>`
        : `<skipped message="${xml(message)}"/>`;
    return `${open}>${inside}</testcase>`;
  });
  const { failed, notApplicable } = report.summary;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="${xml(report.store)}" tests="${report.cases.length}" failures="${failed}" skipped="${notApplicable}">`,
    ...cases,
    "</testsuite>",
    "",
  ].join("\n");
}

/** What was expected and what happened, on one line. */
function summaryOf(message: string): string {
  return message
    .slice(Math.max(0, message.lastIndexOf("\nexpected:")))
    .replaceAll(/\s+/g, " ")
    .trim();
}

function count(results: readonly CaseResult[]): Counts {
  const of = (status: CaseResult["status"]): number =>
    results.filter((result) => result.status === status).length;
  return { passed: of("passed"), failed: of("failed"), "not-applicable": of("not-applicable") };
}

function groups({ cases }: Report, by: (result: CaseResult) => string): [string, CaseResult[]][] {
  const found = new Map<string, CaseResult[]>();
  for (const result of cases) {
    const results = found.get(by(result));
    if (results === undefined) found.set(by(result), [result]);
    else results.push(result);
  }
  return [...found];
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function xml(text: string): string {
  // XML 1.0 can't contain control characters, not even escaped.
  const printable = [...text].map((character) =>
    character < " " && !"\n\t".includes(character) ? "?" : character,
  );
  return printable.join("").replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}
