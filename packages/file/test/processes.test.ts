import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { linesOf, newPath, start } from "./helpers.js";

describe("many processes", () => {
  it("lose no save to compactions, to a stopped process that goes on, or to a kill", async () => {
    const path = newPath();
    const writers = ["a", "b", "c", "d"].map((id) => start("writer.mjs", [path, id, "600"]));
    const [, , stopped, killed] = writers as [unknown, unknown, (typeof writers)[0], (typeof writers)[0]];
    await Promise.all(writers.map((writer) => once(writer.child.stdout!, "data")));
    const nap = setInterval(() => {
      stopped.child.kill("SIGSTOP");
      setTimeout(() => stopped.child.kill("SIGCONT"), 15);
    }, 30);
    setTimeout(() => killed.child.kill("SIGKILL"), 300);
    await Promise.all(writers.map((writer) => writer.ended));
    clearInterval(nap);
    await using store = new FileTokenStore(path);
    for (const [index, id] of ["a", "b", "c"].entries()) {
      expect(writers[index]!.lines().at(-1)).toBe("600");
      expect((await store.findTokenById(id))?.revision).toBe(600);
    }
    expect((await store.findTokenById("d"))?.revision).toBeGreaterThanOrEqual(Number(killed.lines().at(-1)));
    expect(linesOf(path).length).toBeLessThan(700);
  });
});
