// A store by people who have nothing but the packages: what their first hour with the kit is like.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CaseResult, Report } from "@tokenkeep/conformance";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Project } from "./outsiders/project.js";
import { RUNNER_NAMES, runIn } from "./outsiders/runners.js";

/** An installation and the whole kit on a server take their time on a small machine. */
const LONG_MS = 600_000;

interface Expectations {
  readonly env?: Record<string, string>;
  /** The whole kit passes at least so many cases. */
  readonly atLeast: number;
  /** What the test runners run; everything, unless a whole run takes too long to do it four times more. */
  readonly section?: string;
  /** A fault, and the paragraph that it breaks. */
  readonly fault: { file: string; part: string; other: string; paragraph: string };
}

/** What a reporter printed as JSON reads as it was. */
function withoutEscapes(text: string): string {
  return text.replaceAll('\\"', '"').replaceAll("\\\\", "\\");
}

function tests(name: string, { env = {}, atLeast, section, fault }: Expectations): void {
  let project: Project;
  let report: Report;
  beforeAll(async () => {
    project = await Project.install(name, env);
  }, LONG_MS);
  afterAll(() => project?.remove());

  const kit = (...args: string[]) =>
    project.run("npx", [
      "--no-install",
      "@tokenkeep/conformance",
      "./store.mjs",
      "--json",
      "report.json",
      ...args,
    ]);
  const readReport = async () => JSON.parse(await project.read("report.json")) as Report;

  it("the program of the README runs", async () => {
    const { stdout } = await project.mustRun(process.execPath, ["example.mjs"]);
    expect(stdout).toContain("refreshToken: '***'");
  });

  it(
    "npx @tokenkeep/conformance ./store.mjs passes, and its table is the README's",
    async () => {
      const { status, output } = await kit("--markdown", "report.md");
      expect(output).toContain(" 0 failed");
      expect(status).toBe(0);
      report = await readReport();
      expect(report.summary.failed).toBe(0);
      expect(report.summary.passed).toBeGreaterThanOrEqual(atLeast);
      const file = fileURLToPath(new URL(`../outsiders/${name}/README.md`, import.meta.url));
      const readme = await readFile(file, "utf8");
      const [before, rest] = readme.split("<!-- the kit's table -->\n");
      const after = rest?.split("<!-- its end -->\n")[1];
      const table = await project.read("report.md");
      // `npx vitest run test/outsiders.test.ts -u` writes it anew
      await expect(
        `${before}<!-- the kit's table -->\n${table}<!-- its end -->\n${after}`,
      ).toMatchFileSnapshot(join(file));
    },
    LONG_MS,
  );

  it.each(RUNNER_NAMES)(
    "%s passes the same cases",
    async (runner) => {
      const text = section === undefined ? undefined : `section ${section}`;
      const { passed, failed, output } = await runIn(project, runner, text);
      expect(failed, output).toEqual([]);
      const expected = report.cases.filter(
        ({ paragraph, status }) =>
          status === "passed" && (section === undefined || paragraph.startsWith(`${section}.`)),
      );
      expect([...passed].sort()).toEqual(expected.map((one) => `${one.paragraph} ${one.name}`).sort());
      expect(passed.length).toBeGreaterThan(0);
    },
    LONG_MS,
  );

  it(
    "a fault is told with the paragraph that it breaks, what the contract says and what was done",
    async () => {
      const { file, part, other, paragraph } = fault;
      await project.whileBroken(file, part, other, async () => {
        const { status, output } = await kit("--only", paragraph);
        expect(status).toBe(1);
        const failures = (await readReport()).cases.filter((one) => one.status === "failed");
        expect(failures.length).toBeGreaterThan(0);
        for (const { message } of failures) {
          expect(message).toMatch(/contract: .+/);
          expect(message).toMatch(/store\d*\.\w+\(/);
          // the report on the terminal may indent it
          for (const line of message.split("\n")) expect(output).toContain(line);
        }
        const [{ name: title, message }] = failures as [CaseResult, ...CaseResult[]];
        for (const runner of RUNNER_NAMES) {
          const { failed, output } = await runIn(project, runner, `${paragraph} ${title}`);
          expect(failed, runner).toEqual([`${paragraph} ${title}`]);
          // an id that the store made is another one each time
          for (const line of message.split("\n").filter((text) => !/[0-9a-f]{8}-/.test(text))) {
            expect(withoutEscapes(output), runner).toContain(line.trim());
          }
        }
      });
    },
    LONG_MS,
  );
}

describe("the store on level", () => {
  tests("level-store", {
    atLeast: 300,
    // One section: each case makes a database, and every write waits for the disk.
    section: "2",
    fault: {
      file: "level-token-store.mjs",
      part: 'if (kind === "user") return',
      other: 'if (kind === "user" && false) return',
      paragraph: "2.5",
    },
  });
});

describe("the store that keeps rows in a list", () => {
  tests("list-store", {
    atLeast: 150,
    fault: {
      file: "list-token-store.mjs",
      part: "&& agree(record.clientId, wanted.clientId)",
      other: "",
      paragraph: "2.4",
    },
  });
});
