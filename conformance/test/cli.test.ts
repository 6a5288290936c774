import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { allCases, type Report } from "@tokenkeep/conformance";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const GOOD = pathOf("./plain-store.mjs");
const BAD = pathOf("./first-record.mjs");
const directory = mkdtempSync(join(tmpdir(), "tokenkeep-kit-test-"));
afterAll(() => rmSync(directory, { recursive: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [pathOf("../dist/cli.js"), ...args], { encoding: "utf8" });
}

test("a store that keeps the contract exits with 0, and its report is complete", () => {
  const json = join(directory, "report.json");
  const { status, stdout } = run(GOOD, "--json", json, "--seed", "7", "--rounds", "1");
  expect(stdout).toContain("0 failed");
  expect(status).toBe(0);
  const report = JSON.parse(readFileSync(json, "utf8")) as Report;
  expect(report.store).toBe("map");
  expect(report.seed).toBe(7);
  expect(report.capabilities).toMatchObject({ durable: false, revisions: true, locks: false });
  expect(report.cases).toHaveLength(allCases.length);
  const { passed, failed, notApplicable } = report.summary;
  expect(passed + failed + notApplicable).toBe(allCases.length);
  for (const one of report.cases) {
    expect(Object.keys(one).sort()).toEqual(["message", "name", "paragraph", "status"]);
    expect(["passed", "not-applicable"]).toContain(one.status);
    expect(one.message === "").toBe(one.status === "passed");
  }
});

test("a store that breaks the contract exits with 1, and the report shows the calls", () => {
  const junit = join(directory, "report.xml");
  const { status, stdout } = run(BAD, "--only", "2.6", "--junit", junit);
  expect(status).toBe(1);
  expect(stdout).toContain(
    "contract: 2.6a A query that gives no id, user name, grant token, refresh token or access token returns `null`",
  );
  expect(stdout).toMatch(/store\.findToken\(\{\}\)\s+→ \{ id: /);
  expect(stdout).toContain("expected: null");
  expect(readFileSync(junit, "utf8")).toContain('<failure message="expected: null came: { id: ');
});

test("random calls find that bug by themselves, and the same seed finds it again", () => {
  const told = [1, 2].map(() => run(BAD, "--only", "2.3", "--seed", "11").stdout);
  // The shortest sequence, and nothing else.
  const [one, other] = told.map((text) => callsOf(text.slice(text.indexOf("(random calls"))));
  expect(one?.map((call) => call.replace(/\(.*/, ""))).toEqual([
    "store.deleteTokens",
    "store.saveToken",
    "store.findToken",
  ]);
  expect(other).toEqual(one);
});

test("the seed of a report repeats a failure that random calls found", () => {
  const rare = pathOf("./rare-bug.mjs");
  const failureOf = (...args: string[]): { seed: number; message: string | undefined } => {
    const json = join(directory, "rare.json");
    const { status, stdout } = run(rare, "--only", "2.3", "--rounds", "30", "--json", json, ...args);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^To repeat: --only 2\.3 --seed \d+ --rounds 30$/m);
    const { seed, cases } = JSON.parse(readFileSync(json, "utf8")) as Report;
    return { seed, message: cases.find(({ status }) => status === "failed")?.message };
  };
  const first = failureOf();
  expect(first.message).toContain(`seed ${first.seed} repeats them`);
  expect(first.message).toMatch(/expected: apiDomain to be "."\ncame: {5}null$/);
  const again = failureOf("--seed", String(first.seed));
  expect(again.seed).toBe(first.seed);
  expect(callsOf(again.message)).toEqual(callsOf(first.message));
  // Four saves of one record show it, and little else is left.
  expect(callsOf(first.message).length).toBeLessThan(9);
});

/** The calls of a failure, without the ids that a store made. */
function callsOf(message = ""): string[] {
  const calls = message.match(/^ +store\.\w+\([^→\n]*/gm) ?? [];
  return calls.map((call) => call.trim().replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "made-by-the-store"));
}

test("misuse exits with 2 and says what to do", () => {
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const empty = file("empty.mjs", "export default {};");
  const failing = file(
    "failing.mjs",
    `export default { name: "failing", open() { throw new Error("no server"); } };`,
  );
  const nothing = file("nothing.mjs", `export default { name: "nothing", open() {} };`);
  const oneForAll = file(
    "one-for-all.mjs",
    `import { MapTokenStore } from ${JSON.stringify(pathToFileURL(GOOD).href)};
     const store = new MapTokenStore();
     store.close = async () => {};
     export default { name: "one-for-all", open: () => store };`,
  );
  const typed = file("typed.txt", "export default {};");
  for (const [args, told] of [
    [[], "Usage:"],
    [[GOOD, BAD], "one module"],
    [[GOOD, "--nonsense"], "--nonsense"],
    [[GOOD, "--seed", "x"], "--seed takes an integer of 0 or more"],
    [[GOOD, "--only", "99"], "There is no case for 99"],
    [[GOOD, "--only", "9.1c", "--json", join(directory, "nowhere", "x.json")], "The report can't be written"],
    [[empty], "must be { name, open(space, options) }"],
    [[failing], "no server"],
    [[nothing], "must return a store"],
    [[oneForAll], "Stores of one-for-all on different spaces have the same records"],
    [[typed], "plain JavaScript"],
    [["./missing.mjs"], "There is no file ./missing.mjs"],
  ] as const) {
    const { status, stderr } = run(...args);
    expect(stderr).toContain(told);
    expect(status, args.join(" ")).toBe(2);
  }
});

test.skipIf(process.platform === "win32").each([
  ["while the first process starts", "!process.send"],
  ["while it makes calls", "process.send"],
])("Ctrl-C %s ends histories with a report", async (_when, isWhen) => {
  const directory = mkdtempSync(join(tmpdir(), "tokenkeep-kit-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const module = join(directory, "marks-opening.mjs");
  const mark = join(directory, "is-open");
  writeFileSync(
    module,
    `import { writeFileSync } from "node:fs";
     import good from ${JSON.stringify(pathToFileURL(GOOD).href)};
     const open = (...args) => {
       if (${isWhen}) writeFileSync(${JSON.stringify(mark)}, "");
       return good.open(...args);
     };
     export default { ...good, open };`,
  );
  const args = [pathOf("../dist/cli.js"), module, "--histories", "1h"];
  const kit = spawn(process.execPath, args, { detached: true });
  const [output, ended] = [text(kit.stdout), once(kit, "exit")];
  await vi.waitUntil(() => existsSync(mark), { timeout: 30_000 });
  process.kill(-kit.pid!, "SIGINT"); // to all processes of the group, as a terminal does
  expect(await ended).toEqual([0, null]);
  expect(await output).toMatch(/^map: .* of histories.*No anomaly/s);
});

test("--only takes a section, a paragraph and a sentence, and several of them", () => {
  const passed = (...only: string[]): number => {
    const { status, stdout } = run(GOOD, ...only.flatMap((one) => ["--only", one]));
    expect(status).toBe(0);
    return Number(stdout.match(/^(\d+) passed/m)?.[1]);
  };
  const [section, paragraph, sentence] = [passed("4"), passed("4.1"), passed("4.1b")];
  expect(section).toBeGreaterThan(paragraph);
  expect(paragraph).toBeGreaterThan(sentence);
  expect(sentence).toBeGreaterThan(0);
  expect(passed("4.1", "9.1b")).toBe(paragraph + 1);
});

test("a module that fails to clean up after a case fails that case, and the others run", () => {
  const module = join(directory, "broken-cleanup.mjs");
  writeFileSync(
    module,
    `import good from ${JSON.stringify(pathToFileURL(GOOD).href)};
     const restore = () => { throw new Error("the proxy is gone"); };
     export default { ...good, disruptions: { cut() {}, restore } };`,
  );
  const { status, stdout } = run(module, "--only", "7.3c", "--only", "4.1");
  expect(stdout).toContain("the proxy is gone");
  expect(stdout).toMatch(/^\d+ passed, [1-9]\d* failed/m);
  expect(status).toBe(1);
});
