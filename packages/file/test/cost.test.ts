import { describe, expect, it } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { fillUntilDue, newPath, saveSome, stepsOf } from "./helpers.js";

/** Expects these steps in this order, possibly with others in between. */
function expectOrder(steps: string[], order: string[]): void {
  let at = -1;
  for (const step of order) {
    const next = steps.indexOf(step, at + 1);
    expect(
      next,
      `${step}, after ${steps.slice(0, at + 1).join(", ")}, in ${steps.join(", ")}`,
    ).toBeGreaterThan(at);
    at = next;
  }
}

describe("what a call does to the file system", () => {
  it("find: one stat of the file, nothing else", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "a" });
    expect(await stepsOf("find", path, "trace")).toEqual(Array.from({ length: 5 }, () => "statSync"));
  });

  it.each([10, 1000])("save: one line and one flush, with %i records too", async (count) => {
    const path = newPath();
    await saveSome(path, count);
    expect(await stepsOf("save", path)).toEqual(["writeSync", "fdatasync"]);
  });

  it("a new file is flushed before it gets its name, and its directory before the first save resolves", async () => {
    const steps = await stepsOf("open", newPath());
    expectOrder(steps, ["openSync", "write", "fsync", "linkSync", "fsyncSync", "writeSync", "fdatasync"]);
  });

  it("a replacement is flushed before it gets the name of the file, and then its directory is", async () => {
    const path = newPath();
    await fillUntilDue(path);
    const steps = await stepsOf("save", path);
    expectOrder(steps, ["fdatasync", "openSync", "fsync", "writeSync", "fsync", "renameSync", "fsyncSync"]);
  });
});
