import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { newDirectory, newPath, siblings, start, startCommand } from "./helpers.js";

/** A file system of this size; undefined where this process may not mount one. */
function mount(size: string): string | undefined {
  const folder = newDirectory();
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder]);
  if (status !== 0) return undefined;
  onTestFinished(() => void spawnSync("umount", ["-l", folder]));
  return folder;
}

const NOT_RUN = "NOT RUN: this process may not mount a file system";
const freeBytes = (folder: string): number => {
  const { bsize, bavail } = statfsSync(folder);
  return bsize * bavail;
};

/** Fills it up to this many bytes (whole pages). */
function fill(folder: string, left: number): void {
  const filler = join(folder, "filler");
  writeFileSync(filler, Buffer.alloc(Math.max(0, freeBytes(folder) - left)));
}

const big = "x".repeat(1500);

describe("a full disk", () => {
  it("is reported, loses nothing that was acknowledged, and saves work once there is room", async ({
    skip,
  }) => {
    const folder = mount("1m");
    if (folder === undefined) return skip(NOT_RUN);
    const path = join(folder, "tokens.jsonl");
    await using store = new FileTokenStore(path);
    let kept = (await store.saveToken({ id: "a", refreshToken: "a" })).revision ?? 0;
    fill(folder, 8192);
    // More than once, so that torn lines follow torn lines.
    for (let round = 0; round < 5; round++) {
      for (let failed = 0; failed < 3; ) {
        try {
          kept = (await store.saveToken({ id: "a", accessToken: `${kept} ${big}` })).revision ?? 0;
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true, uncertain: false });
          expect(String(error)).toContain("no room");
          failed++;
        }
      }
      expect((await store.findTokenById("a"))?.revision).toBe(kept);
      await using again = new FileTokenStore(path);
      expect((await again.findTokenById("a"))?.revision).toBe(kept);
      const filler = join(folder, "filler");
      truncateSync(filler, readFileSync(filler).length - 4096 * (round + 1));
    }
    rmSync(join(folder, "filler"));
    for (let n = 0; n < 300; n++)
      kept = (await store.saveToken({ id: "a", accessToken: `${n}` })).revision ?? 0;
    await using again = new FileTokenStore(path);
    expect((await again.findTokenById("a"))?.revision).toBe(kept);
  });

  it("during many writers' saves and compactions loses nothing", async ({ skip }) => {
    const folder = mount("600k");
    if (folder === undefined) return skip(NOT_RUN);
    const path = join(folder, "tokens.jsonl");
    // A compaction needs room for a second file. Records as big as these soon leave none.
    await using seed = new FileTokenStore(path);
    for (let n = 0; n < 60; n++) await seed.saveToken({ id: `id-${n}`, refreshToken: `${n} ${big}${big}` });
    const runs = ["a", "b", "c"].map((id) =>
      start("writer.mjs", [path, id, "600"], { NODE_NO_WARNINGS: "1" }),
    );
    await Promise.all(runs.map((run) => run.ended));
    await using store = new FileTokenStore(path);
    for (const [index, id] of ["a", "b", "c"].entries()) {
      const lines = runs[index]!.lines();
      expect(lines.at(-1), id).toBe("ERR_UNAVAILABLE ENOSPC");
      expect((await store.findTokenById(id))?.revision ?? 0, id).toBe(Number(lines.at(-2) ?? 0));
    }
    for (let n = 0; n < 60; n++) {
      expect((await store.findTokenById(`id-${n}`))?.refreshToken).toBe(`${n} ${big}${big}`);
    }
    spawnSync("mount", ["-o", "remount,size=4m", folder]);
    for (let n = 0; n < 600; n++) await store.saveToken({ id: "a", refreshToken: "a" });
    expect((await store.getTokens()).length).toBeGreaterThan(60);
    expect(siblings(path)).toEqual([]);
  }, 60_000);

  it("while the file is created leaves nothing behind, and the store works once there is room", async ({
    skip,
  }) => {
    const folder = mount("64k");
    if (folder === undefined) return skip(NOT_RUN);
    fill(folder, 0);
    const path = join(folder, "tokens.jsonl");
    await using store = new FileTokenStore(path);
    await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    expect(siblings(path)).toEqual(["filler"]);
    rmSync(join(folder, "filler"));
    await store.saveToken({ refreshToken: "r" });
  });
});

describe("a file that may not grow", () => {
  it("is reported, loses nothing that was acknowledged, and saves work once it may", async () => {
    const path = newPath();
    // 16 blocks of 1,024 bytes at most in each file
    const script = new URL("writer.mjs", import.meta.url).pathname;
    const limit = 'trap "" XFSZ; ulimit -f 16; exec "$0" "$@"';
    const limited = startCommand("bash", ["-c", limit, process.execPath, script, path, "a", "600"]);
    await limited.ended;
    const lines = limited.lines();
    expect(lines.at(-1)).toMatch(/^ERR_UNAVAILABLE (ENOSPC|EFBIG)$/);
    await using store = new FileTokenStore(path);
    const acknowledged = Number(lines.at(-2));
    expect(acknowledged).toBeGreaterThan(10);
    expect((await store.findTokenById("a"))?.revision).toBe(acknowledged);
    expect((await store.saveToken({ id: "a", accessToken: "new" })).revision).toBe(acknowledged + 1);
    await using again = new FileTokenStore(path);
    expect((await again.findTokenById("a"))?.revision).toBe(acknowledged + 1);
  });
});
