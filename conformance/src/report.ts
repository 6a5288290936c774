import type { CaseResult, Report } from "./run.js";

/** The report for a terminal: a line per paragraph, then each failure in full. */
export function textOf(report: Report): string {
  const { summary, cases } = report;
  const lines = [`${report.store}: the contract, paragraph by paragraph`, ""];
  for (const [paragraph, results] of paragraphs(report)) {
    const failed = results.filter(({ status }) => status === "failed").length;
    const skipped = results.filter(({ status }) => status === "not-applicable").length;
    const notes = [
      `${results.length - failed - skipped} passed`,
      ...(failed > 0 ? [`${failed} FAILED`] : []),
      ...(skipped > 0 ? [`${skipped} not applicable`] : []),
    ];
    lines.push(`  ${failed > 0 ? "✗" : "✓"} ${paragraph.padEnd(5)} ${notes.join(", ")}`);
  }
  for (const { paragraph, name, message } of cases.filter(({ status }) => status === "failed")) {
    lines.push("", `✗ ${paragraph} ${name}`, ...message.split("\n").map((line) => `    ${line}`));
  }
  lines.push(
    "",
    `${summary.passed} passed, ${summary.failed} failed, ${summary.notApplicable} not applicable (seed ${report.seed})`,
  );
  if (summary.failed > 0) lines.push(`Repeat with --seed ${report.seed}; --only PARAGRAPH for a part.`);
  return lines.join("\n");
}

/** A table for a README. */
export function markdownOf(report: Report): string {
  const rows = paragraphs(report).map(([paragraph, results]) => {
    const of = (status: CaseResult["status"]): number =>
      results.filter((result) => result.status === status).length;
    return `| ${paragraph} | ${of("passed")} | ${of("failed")} | ${of("not-applicable")} |`;
  });
  return ["| paragraph | passed | failed | not applicable |", "|---|---|---|---|", ...rows, ""].join("\n");
}

/** JUnit's XML, which continuous integration servers read. */
export function junitOf(report: Report): string {
  const cases = report.cases.map(({ paragraph, name, status, message }) => {
    const open = `  <testcase classname="${xml(report.store)} ${xml(paragraph)}" name="${xml(name)}"`;
    if (status === "passed") return `${open}/>`;
    const inside =
      status === "failed" ? `<failure>${xml(message)}</failure>` : `<skipped message="${xml(message)}"/>`;
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

function paragraphs({ cases }: Report): [string, CaseResult[]][] {
  const byParagraph = new Map<string, CaseResult[]>();
  for (const result of cases) {
    const results = byParagraph.get(result.paragraph);
    if (results === undefined) byParagraph.set(result.paragraph, [result]);
    else results.push(result);
  }
  return [...byParagraph];
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function xml(text: string): string {
  // XML 1.0 has no place for control characters, not even escaped
  const printable = [...text].map((character) =>
    character < " " && !"\n\t".includes(character) ? "?" : character,
  );
  return printable.join("").replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}
