import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
// The built kit: its child processes run on plain Node.
import { inStep, type Owner, startChild, startChildren } from "../dist/processes/index.js";

const sound = new URL("../mutants/base.mjs", import.meta.url).href;
let directory: string;
let endings: (() => void | Promise<void>)[];

function owner(moduleUrl: string = sound): Owner {
  return { moduleUrl, space: { id: "processes", directory }, onEnd: (end) => void endings.push(end) };
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tokenkeep-processes-"));
  endings = [];
});

afterEach(async () => {
  for (const end of endings) await end();
  rmSync(directory, { recursive: true });
});

describe("a child process of the kit", () => {
  it("returns results, and errors with their code", async () => {
    const child = await startChild(owner());
    const saved = await child.run("save", { tokens: [{ refreshToken: "r" }, {}] });
    expect(saved.map(({ revision, code }) => ({ revision, code }))).toEqual([
      { revision: 1, code: null },
      { revision: null, code: "ERR_INVALID_TOKEN" },
    ]);
    await child.run("close", {});
    await expect(child.run("getTokens", {})).rejects.toMatchObject({
      name: "TokenStoreError",
      code: "ERR_STORE_CLOSED",
      retryable: false,
    });
  });

  it("says why a module can't be imported", async () => {
    await expect(startChild(owner("file:///nowhere/store.mjs"))).rejects.toMatchObject({
      code: "ERR_MODULE_NOT_FOUND",
    });
  });

  it("fails the running job if it is killed, and keeps its reports", async () => {
    const child = await startChild(owner());
    const writing = child.begin("saveUntilKilled", { user: "u", round: 1 });
    expect(await writing.first()).toEqual({ revision: 1, serial: 1 });
    await child.kill("SIGKILL");
    expect(child.hasExited).toBe(true);
    await expect(writing.result).rejects.toThrow("ended while it was working");
    expect(writing.events.map(({ serial }) => serial)).toEqual(writing.events.map((_, index) => index + 1));
  });

  it("can be ended while it is stopped", async () => {
    const child = await startChild(owner());
    await child.kill("SIGSTOP");
    await child.end();
    expect(child.hasExited).toBe(true);
  });

  // Deno emits no "disconnect" and no "close" then.
  it("fails the job that it was given and did not read", async () => {
    const child = await startChild(owner());
    await child.kill("SIGSTOP");
    const unread = child.run("getTokens", {});
    await child.kill("SIGKILL");
    await expect(unread).rejects.toThrow("ended while it was working");
  });

  it("ends by itself once it has closed and left", async () => {
    const child = await startChild(owner());
    await child.run("closeAndLeave", {});
    expect(await child.endsWithin(15_000)).toBe(true);
  });

  it("begins together with others", async () => {
    const children = await startChildren(owner(), 3);
    const saved = await inStep(children, "save", (index) => ({ tokens: [{ refreshToken: `r${index}` }] }));
    expect(saved.flat().map(({ code }) => code)).toEqual([null, null, null]);
  });
});
