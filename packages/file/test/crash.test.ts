import { randomUUID } from "node:crypto";
import { appendFileSync, copyFileSync, existsSync, utimesSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { encodeLine } from "../dist/log/line.js";
import {
  fillUntilDue,
  forEach,
  linesOf,
  newPath,
  siblings,
  start,
  stepsOf,
  until,
  writePrivate,
} from "./helpers.js";

const full = newPath();
/** How each situation begins, and what the child does in it. */
const situations: Record<string, { what: string; make: (path: string) => void }> = {
  "a new file": { what: "open", make: () => {} },
  "a compaction": { what: "save", make: (path) => copyFileSync(full, path) },
  "a compaction that another left behind": {
    what: "save",
    make: (path) => {
      copyFileSync(full, path);
      appendFileSync(path, encodeLine({ op: "seal" }));
    },
  },
};

/** Saves so often that the file is compacted. */
async function saveOften(path: string): Promise<number | null> {
  await using store = new FileTokenStore(path);
  let revision: number | null = 0;
  for (let n = 0; n < 300; n++) ({ revision } = await store.saveToken({ id: "a", refreshToken: "a" }));
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
    await forEach(
      steps.map((_, index) => index + 1),
      async (at) => {
        const path = newPath();
        make(path);
        const run = start("steps.mjs", [what, path], { DISRUPT: `kill:${at}` });
        await run.ended;
        const message = `killed at step ${at} (${steps[at - 1]})`;
        expect(run.child.signalCode, message).toBe("SIGKILL");
        const acknowledged = Number(run.lines().at(-1) ?? before);
        const found = await childRevision(path);
        expect([acknowledged, acknowledged + 1], message).toContain(found);
        await sleep(1000); // Until then a replacement that it left seems to have a living writer.
        await saveOften(path);
        expect(await childRevision(path), message).toBe(found);
        expect(linesOf(path).length, message).toBeLessThan(300);
        expect(siblings(path), message).toEqual([]);
      },
    );
  }, 300_000);

  it("stopped at each of its steps blocks nobody, and undoes nothing when it continues late", async () => {
    await forEach(
      steps.map((_, index) => index + 1),
      async (at) => {
        const path = newPath();
        make(path);
        const stopped = `${newPath()}.stopped`;
        const run = start("steps.mjs", [what, path], { DISRUPT: `stop:${at}`, DISRUPT_FILE: stopped });
        await until(() => existsSync(stopped), "it stopped");
        const message = `stopped at step ${at} (${steps[at - 1]})`;
        const revision = await saveOften(path);
        run.child.kill("SIGCONT");
        await run.ended;
        expect(run.child.exitCode, message).toBe(0);
        await using store = new FileTokenStore(path);
        expect((await store.findTokenById("a"))?.revision, message).toBe(revision);
        expect((await store.findTokenById("b"))?.refreshToken, message).toBe("b2");
        expect((await store.findTokenById("child"))?.revision, message).toBe(before + 1);
        expect(
          siblings(path).filter((name) => name.endsWith(".tmp")),
          message,
        ).toEqual([]);
      },
    );
  }, 300_000);
});

describe("what a crash leaves", () => {
  it("a sealed file is replaced once, however many processes save", async () => {
    const path = newPath();
    copyFileSync(full, path);
    appendFileSync(path, encodeLine({ op: "seal" }));
    await using reader = new FileTokenStore(path);
    const before = (await reader.findTokenById("a"))?.revision; // Reads work before it is replaced.
    const ids = ["one", "two", "three", "four", "five", "six"];
    const runs = ids.map((id) => start("writer.mjs", [path, id, "20"]));
    await Promise.all(runs.map((run) => run.ended));
    for (const run of runs) expect(run.lines()).toEqual(Array.from({ length: 20 }, (_, n) => `${n + 1}`));
    for (const id of ids) expect((await reader.findTokenById(id))?.revision).toBe(20);
    expect((await reader.findTokenById("a"))?.revision).toBe(before);
    expect(linesOf(path)).toHaveLength(1 + 3 + 120);
    expect(siblings(path)).toEqual([]);
  }, 30_000);

  it("replacements are deleted if they could do harm, or have no living writer", async () => {
    const path = newPath();
    copyFileSync(full, path);
    const { id } = JSON.parse(linesOf(path)[0]!);
    const replacement = (replaces: string, seconds: number) => {
      const name = `${path}.${replaces}.${randomUUID()}.tmp`;
      writePrivate(name, "replacement");
      utimesSync(name, Date.now() / 1000, Date.now() / 1000 - seconds);
      return basename(name);
    };
    const fresh = replacement(id, 10);
    for (const [replaces, seconds] of [
      [id, 120],
      [randomUUID(), 0],
      ["new", 0],
    ] as const) {
      replacement(replaces, seconds);
    }
    const others = [
      "tokens.jsonl.tmp",
      "tokens.jsonl.backup.tmp",
      "tokens.jsonl.a.b.tmp",
      "tokens.jsonl.bak",
    ];
    for (const name of others) writePrivate(join(dirname(path), name), "other");
    await using store = new FileTokenStore(path);
    await store.getTokens();
    expect(siblings(path)).toEqual([...others, fresh].sort());
  });
});
