import { randomUUID } from "node:crypto";
import { appendFileSync, copyFileSync, existsSync, readFileSync, utimesSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { encodeLine } from "../dist/line.js";
import {
  besides,
  fillUntilDue,
  inTurns,
  linesOf,
  newPath,
  start,
  stepsOf,
  until,
  writeLog,
} from "./helpers.js";

const CSV =
  "id,user_mail,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url";

const full = newPath();
/** What each situation begins with, and what the child does there. */
const situations: Record<string, { what: string; make: (path: string) => void }> = {
  "a new file": { what: "open", make: () => {} },
  "an import": {
    what: "open",
    make: (path) => writeLog(path, `${CSV}\na,a@b.c,c,s,a,,,1,\nb,b@b.c,c,s,b,,,1,`),
  },
  "a compaction": { what: "save", make: (path) => copyFileSync(full, path) },
  "a compaction that another left behind": {
    what: "save",
    make: (path) => {
      copyFileSync(full, path);
      appendFileSync(path, encodeLine({ op: "seal" }));
    },
  },
};

/** Saves so much that the file is compacted twice. */
async function saveMuch(path: string): Promise<number | null> {
  await using store = new FileTokenStore(path);
  let revision: number | null = 0;
  for (let n = 0; n < 600; n++) ({ revision } = await store.saveToken({ id: "a", refreshToken: "a" }));
  await store.saveToken({ id: "b", refreshToken: "b2" });
  return revision;
}

async function childRevision(path: string): Promise<number> {
  await using store = new FileTokenStore(path);
  return (await store.findTokenById("child"))?.revision ?? 0;
}

beforeAll(() => fillUntilDue(full), 30_000);

describe.each(Object.entries(situations))("%s", (_name, { what, make }) => {
  let steps: string[];
  let before = 0;

  beforeAll(async () => {
    const path = newPath();
    make(path);
    if (what === "save") before = await childRevision(full);
    steps = await stepsOf(what, path);
    expect(steps).toContain(_name === "a new file" ? "linkSync" : "renameSync");
  }, 30_000);

  it("killed at each of its steps loses nothing and leaves a file that works", async () => {
    await inTurns(
      steps.map((_, index) => index + 1),
      async (at) => {
        const path = newPath();
        make(path);
        const csv = what === "open" && existsSync(path) ? readFileSync(path) : undefined;
        const run = start("steps.mjs", [what, path], { FAULT: `kill:${at}` });
        await run.ended;
        const message = `killed at step ${at} (${steps[at - 1]})`;
        expect(run.child.signalCode, message).toBe("SIGKILL");
        const acknowledged = Number(run.lines().at(-1) ?? before);
        const found = await childRevision(path);
        expect([acknowledged, acknowledged + 1], message).toContain(found);
        await sleep(1000); // so long a draft of its passes for one that somebody is at
        await saveMuch(path);
        expect(await childRevision(path), message).toBe(found);
        expect(linesOf(path).length, message).toBeLessThan(600);
        const kept = besides(path).filter((name) => name.endsWith(".csv"));
        expect(besides(path), message).toEqual(kept);
        if (csv !== undefined) expect(readFileSync(join(dirname(path), kept[0]!)), message).toEqual(csv);
      },
    );
  }, 300_000);

  it("stopped at each of its steps holds nobody up, and undoes nothing when it goes on late", async () => {
    await inTurns(
      steps.map((_, index) => index + 1),
      async (at) => {
        const path = newPath();
        make(path);
        const stopped = `${newPath()}.stopped`;
        const run = start("steps.mjs", [what, path], { FAULT: `stop:${at}`, FAULT_FILE: stopped });
        await until(() => existsSync(stopped), "it stopped");
        const message = `stopped at step ${at} (${steps[at - 1]})`;
        const revision = await saveMuch(path);
        run.child.kill("SIGCONT");
        await run.ended;
        expect(run.child.exitCode, message).toBe(0);
        await using store = new FileTokenStore(path);
        expect((await store.findTokenById("a"))?.revision, message).toBe(revision);
        expect((await store.findTokenById("b"))?.refreshToken, message).toBe("b2");
        expect((await store.findTokenById("child"))?.revision, message).toBe(before + 1);
        expect(
          besides(path).filter((name) => name.endsWith(".tmp")),
          message,
        ).toEqual([]);
      },
    );
  }, 300_000);
});

describe("what a crash left behind", () => {
  it("a sealed file is replaced once, whoever and how many come to save", async () => {
    const path = newPath();
    copyFileSync(full, path);
    appendFileSync(path, encodeLine({ op: "seal" }));
    await using reader = new FileTokenStore(path);
    const before = (await reader.findTokenById("a"))?.revision; // it answers though nobody has replaced it
    const ids = ["one", "two", "three", "four", "five", "six"];
    const runs = ids.map((id) => start("writer.mjs", [path, id, "20"]));
    await Promise.all(runs.map((run) => run.ended));
    for (const run of runs) expect(run.lines()).toEqual(Array.from({ length: 20 }, (_, n) => `${n + 1}`));
    for (const id of ids) expect((await reader.findTokenById(id))?.revision).toBe(20);
    expect((await reader.findTokenById("a"))?.revision).toBe(before);
    expect(linesOf(path)).toHaveLength(1 + 3 + 120);
    expect(besides(path)).toEqual([]);
  }, 30_000);

  it("drafts: those that could do harm are deleted, and of the others those that nobody is at", async () => {
    const path = newPath();
    copyFileSync(full, path);
    const { id } = JSON.parse(linesOf(path)[0]!);
    const draft = (replaces: string, seconds: number) => {
      const name = `${path}.${replaces}.${randomUUID()}.tmp`;
      writeLog(name, "draft");
      utimesSync(name, Date.now() / 1000, Date.now() / 1000 - seconds);
      return basename(name);
    };
    const fresh = draft(id, 10);
    for (const [replaces, seconds] of [
      [id, 120],
      [randomUUID(), 0],
      ["new", 0],
      ["csv-0123456789abcdef", 0],
    ] as const) {
      draft(replaces, seconds);
    }
    const mine = ["tokens.jsonl.tmp", "tokens.jsonl.backup.tmp", "tokens.jsonl.a.b.tmp", "tokens.jsonl.bak"];
    for (const name of mine) writeLog(join(dirname(path), name), "mine");
    await using store = new FileTokenStore(path);
    await store.getTokens();
    expect(besides(path)).toEqual([...mine, fresh].sort());
  });
});
