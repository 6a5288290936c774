import { randomBytes, randomUUID } from "node:crypto";
import { appendFileSync, copyFileSync, linkSync, readFileSync, statSync, utimesSync } from "node:fs";
import { Deadline } from "@tokenkeep/core/backend";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileBackend } from "../dist/backend.js";
import { FileTokenStore } from "../dist/index.js";
import { encodeLine } from "../dist/log/line.js";
import { checkOptions } from "../dist/options.js";
import { fillUntilDue, linesOf, newPath, saveOften, siblings, start, writePrivate } from "./helpers.js";

const deadline = () => new Deadline("file", 10_000);

async function openBackend(path: string): Promise<FileBackend> {
  const backend = new FileBackend(checkOptions(path));
  onTestFinished(() => backend.close());
  await backend.open(deadline());
  return backend;
}

describe("compact()", () => {
  it("leaves nothing of what was replaced or deleted, while other processes save", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "replaced-secret" });
    await store.saveToken({ id: "a", refreshToken: "kept" });
    await store.saveToken({ id: "b", refreshToken: "deleted-secret" });
    await store.deleteToken("b");
    expect(readFileSync(path, "utf8")).toMatch(/replaced-secret.*deleted-secret/s);
    const writers = ["c", "d"].map((id) => start("writer.mjs", [path, id, "100"]));
    const backend = await openBackend(path);
    const before = JSON.parse(linesOf(path)[0]!).id;
    for (let n = 0; n < 10; n++) await backend.compact(deadline());
    await Promise.all(writers.map(({ ended }) => ended));
    expect(readFileSync(path, "utf8")).not.toMatch(/replaced-secret|deleted-secret/);
    expect(JSON.parse(linesOf(path)[0]!).id).not.toBe(before);
    expect(siblings(path)).toEqual([]);
    expect((await store.findTokenById("a"))?.refreshToken).toBe("kept");
    for (const id of ["c", "d"]) expect((await store.findTokenById(id))?.revision).toBe(100);
  });

  it("keeps encrypted records where their lookups find them", async () => {
    const path = newPath();
    const encryption = { keys: [{ id: "2026", key: randomBytes(32) }] };
    await using store = new FileTokenStore({ path, encryption });
    await store.saveToken({ id: "a", refreshToken: "refresh", accessToken: "access" });
    const backend = await openBackend(path);
    await backend.compact(deadline());
    await using again = new FileTokenStore({ path, encryption });
    for (const reader of [store, again]) {
      expect(await reader.findToken({ accessToken: "access" })).toMatchObject({ refreshToken: "refresh" });
      const taken = reader.saveToken({ id: "b", refreshToken: "refresh" });
      await expect(taken).resolves.toMatchObject({ id: "a" });
    }
    expect(readFileSync(path, "utf8")).not.toMatch(/"(refresh|access)"/);
  });

  it("says why a file can't be replaced", async () => {
    const path = newPath();
    const backend = await openBackend(path);
    linkSync(path, `${path}.second`);
    const error = await backend.compact(deadline()).catch((caught) => backend.toStoreError(caught));
    expect(error).toMatchObject({ code: "ERR_PERMISSION", message: expect.stringContaining("hard link") });
  });
});

describe("a version from before a compaction", () => {
  it("undoes nothing as a changed copy", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await using other = new FileTokenStore(path);
    const stale = await store.saveToken({ id: "a", refreshToken: "old", accessToken: "old" });
    const { ino } = statSync(path);
    await saveOften(other, "a");
    await other.saveToken({ id: "a", refreshToken: "new" });
    expect(statSync(path).ino).not.toBe(ino);
    const saved = await store.saveToken(stale.with({ accessToken: "mine" }));
    expect(saved).toMatchObject({ refreshToken: "new", accessToken: "mine", revision: 403 });
  });

  it("replaces and removes nothing in the backend", async () => {
    const path = newPath();
    const backend = await openBackend(path);
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "old" });
    const [stale] = await backend.read([{ kind: "id", key: "a" }]);
    await store.saveToken({ id: "a", refreshToken: "new" });
    await backend.compact(deadline());
    expect(await backend.remove(stale!, deadline())).toBe(false);
    const keys = { userClient: null, user: null, grantToken: null, refreshToken: null, accessToken: null };
    expect(await backend.replace({ ...stale!, etag: "mine" }, keys, stale!, deadline())).toBe(false);
    expect((await store.findTokenById("a"))?.refreshToken).toBe("new");
  });
});

describe("a save that waits for a replacement", () => {
  it("ends with its time limit, and writes nothing afterwards", async () => {
    const path = newPath();
    await fillUntilDue(path);
    appendFileSync(path, encodeLine({ op: "seal" }));
    // Another process seems to be writing the replacement.
    const replacement = `${path}.${JSON.parse(linesOf(path)[0]!).id}.${randomUUID()}.tmp`;
    writePrivate(replacement, "");
    const writing = setInterval(() => utimesSync(replacement, Date.now() / 1000, Date.now() / 1000), 100);
    onTestFinished(() => clearInterval(writing));
    await using store = new FileTokenStore({ path, timeoutMs: 400 });
    const error = await store.saveToken({ id: "late", refreshToken: "late" }).catch((caught) => caught);
    expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true, uncertain: false });
    expect(error.message).toMatch(/is being replaced.*Nothing was sent/);
    clearInterval(writing);
    await using other = new FileTokenStore(path);
    await other.saveToken({ id: "other", refreshToken: "other" });
    expect(await store.findTokenById("late")).toBeNull();
    expect(await store.findTokenById("other")).not.toBeNull();
    expect(readFileSync(path, "utf8")).not.toContain("late");
  });
});

describe("a disk that can't be flushed", () => {
  it("gets everything again, in a new file, before the save resolves", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "a" });
    const { ino } = statSync(path);
    const copy = newPath();
    copyFileSync(path, copy);
    const run = start("steps.mjs", ["save", path], { DISRUPT: "fail:fdatasync:1" });
    await run.ended;
    expect(run.lines()).toEqual(["1"]);
    expect(statSync(path).ino).not.toBe(ino);
    expect((await store.findTokenById("child"))?.refreshToken).toBe("child");
    expect(siblings(path)).toEqual([]);
  });

  it("makes the save uncertain if it can't be written again either", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "a" });
    const run = start("steps.mjs", ["save", path], { DISRUPT: "fail:fdatasync|fsync:9" });
    await run.ended;
    expect(run.lines()).toEqual(["ERR_UNAVAILABLE true"]);
    expect((await store.saveToken({ id: "b", refreshToken: "b" })).revision).toBe(1);
    expect(siblings(path)).toEqual([]);
  });
});
