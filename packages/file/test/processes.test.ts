import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { linesOf, newPath, start } from "./helpers.js";

describe("many processes", () => {
  it("lose no save to compactions, to a stopped process that continues, or to a kill", async () => {
    const path = newPath();
    const writers = ["a", "b", "c", "d"].map((id) => start("writer.mjs", [path, id, "600"]));
    const [, , stopped, killed] = writers as [unknown, unknown, (typeof writers)[0], (typeof writers)[0]];
    await Promise.all(writers.map((writer) => once(writer.child.stdout!, "data")));
    const nap = setInterval(() => {
      stopped.child.kill("SIGSTOP");
      setTimeout(() => stopped.child.kill("SIGCONT"), 15);
    }, 30);
    setTimeout(() => killed.child.kill("SIGKILL"), 300);
    let isOver = false;
    const ended = Promise.all(writers.map((writer) => writer.ended)).finally(() => {
      isOver = true;
    });

    // A reader meanwhile sees revisions grow, never fall.
    await using reader = new FileTokenStore(path);
    const seen = new Map<string | null, number>();
    const files = new Set<string>();
    while (!isOver) {
      for (const { id, revision } of await reader.getTokens()) {
        expect(revision).toBeGreaterThanOrEqual(seen.get(id) ?? 1);
        seen.set(id, revision ?? 0);
      }
      files.add(JSON.parse(linesOf(path)[0]!).id);
      await sleep(2);
    }
    await ended;
    clearInterval(nap);
    expect(files.size).toBeGreaterThan(3);

    await using fresh = new FileTokenStore(path);
    for (const store of [fresh, reader]) {
      for (const [index, id] of ["a", "b", "c"].entries()) {
        expect(writers[index]!.lines().at(-1)).toBe("600");
        expect((await store.findTokenById(id))?.revision).toBe(600);
      }
      const revision = (await store.findTokenById("d"))?.revision;
      expect(revision).toBeGreaterThanOrEqual(Number(killed.lines().at(-1)));
    }
    expect(linesOf(path).length).toBeLessThan(700);
  }, 60_000);
});
