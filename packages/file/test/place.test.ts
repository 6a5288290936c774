import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { besides, linesOf, newDirectory, newPath, saveSome, start } from "./helpers.js";

const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;

/** Saves so much that the file is compacted. */
async function saveMuch(store: FileTokenStore, id: string): Promise<void> {
  for (let n = 0; n < 400; n++) await store.saveToken({ id, refreshToken: id, accessToken: `${id}-${n}` });
}

function warnings(): string[] {
  const seen: string[] = [];
  const listen = (warning: Error & { code?: string }) => seen.push(`${warning.code}: ${warning.message}`);
  process.on("warning", listen);
  onTestFinished(() => void process.off("warning", listen));
  return seen;
}

/** What a child prints that is another user. */
async function asUser(path: string, ...options: string[]): Promise<string[]> {
  const run = start("as-user.mjs", [path, ...options]);
  await run.ended;
  return run.lines();
}

describe("the file", () => {
  it("and the directories that are made for it are the owner's alone, after a compaction too", async () => {
    const path = join(newPath(), "..", "made", "deep", "tokens.jsonl");
    await saveSome(path, 1);
    const modes = () =>
      [path, dirname(path), dirname(dirname(path))].map((name) => statSync(name).mode & 0o777);
    expect(modes()).toEqual([0o600, 0o700, 0o700]);
    const { ino } = statSync(path);
    await using store = new FileTokenStore(path);
    await saveMuch(store, "a");
    await store.withLock("k", () => {});
    expect(statSync(path).ino).not.toBe(ino);
    expect(modes()).toEqual([0o600, 0o700, 0o700]);
    expect(statSync(`${path}.locks`).mode & 0o777).toBe(0o600);
  });

  it.each([0o640, 0o604, 0o620, 0o602])("of mode %o is refused, unless others are allowed", async (mode) => {
    const path = newPath();
    await saveSome(path, 1);
    chmodSync(path, mode);
    await using store = new FileTokenStore(path);
    await expect(store.getTokens()).rejects.toMatchObject({
      code: "ERR_PERMISSION",
      message: expect.stringContaining("chmod 600"),
    });
    await using allowed = new FileTokenStore({ path, allowOthers: true });
    await saveMuch(allowed, "a");
    await allowed.withLock("k", () => {});
    expect(statSync(path).mode & 0o777).toBe(mode);
    expect(statSync(`${path}.locks`).mode & 0o777).toBe(mode);
  });

  it("must be one: a directory or a device is refused", async () => {
    for (const path of [newDirectory(), "/dev/null"]) {
      await using store = new FileTokenStore(path);
      await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    }
  });
});

describe("two paths to one file", () => {
  it("by symbolic links, of the file and of its directory, hold, also after a compaction", async () => {
    const path = newPath();
    await saveSome(path, 1);
    const link = newPath();
    symlinkSync(path, link);
    const folder = newPath("folder");
    symlinkSync(dirname(path), folder);
    await using direct = new FileTokenStore(path);
    await using byLink = new FileTokenStore(link);
    await using byFolder = new FileTokenStore(join(folder, "tokens.jsonl"));
    const stores = [direct, byLink, byFolder];
    for (const [index, store] of stores.entries()) {
      await saveMuch(store, `id-${index}`);
      for (const other of stores) expect(await other.findTokenById(`id-${index}`)).not.toBeNull();
    }
    expect(linesOf(path).length).toBeLessThan(400);
    expect(besides(link)).toEqual([]);
  });

  it("by a symbolic link to a file that is to be made yet", async () => {
    const path = newPath();
    const link = newPath();
    symlinkSync(path, link);
    await saveSome(link, 1);
    await using store = new FileTokenStore(path);
    expect(await store.getTokens()).toHaveLength(1);
  });

  it("by a symbolic link that goes up from a linked directory, to a file that is to be made yet", async () => {
    const root = newDirectory();
    for (const name of ["app", "releases/42", "releases/shared"])
      mkdirSync(join(root, name), { recursive: true });
    symlinkSync("../releases/42", join(root, "app/current"));
    symlinkSync("../shared/tokens.jsonl", join(root, "releases/42/tokens.jsonl"));
    await saveSome(join(root, "app/current/tokens.jsonl"), 1);
    expect(statSync(join(root, "releases/shared/tokens.jsonl")).isFile()).toBe(true);
  });

  it("by the directory of the process that made the store, wherever it goes later", async () => {
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    const path = newPath();
    process.chdir(dirname(path));
    await using store = new FileTokenStore("tokens.jsonl");
    process.chdir(before);
    await store.saveToken({ refreshToken: "r" });
    expect(linesOf(path)).toHaveLength(2);
  });

  it("by a hard link hold: such a file is not compacted, and a warning says so", async () => {
    const path = newPath();
    await saveSome(path, 1);
    const other = newPath();
    linkSync(path, other);
    const seen = warnings();
    await using one = new FileTokenStore(path);
    await using two = new FileTokenStore(other);
    await saveMuch(one, "a");
    await saveMuch(two, "b");
    for (const store of [one, two]) expect(await store.getTokens()).toHaveLength(3);
    expect(statSync(path).ino).toBe(statSync(other).ino);
    expect(seen.join()).toMatch(/TOKENKEEP_NOT_COMPACTED: .*hard link/);
  });

  it("by a mount of the file itself hold: it is not compacted, and a warning says so", async ({ skip }) => {
    const path = newPath();
    const mounted = newPath();
    await saveSome(path, 1);
    writeFileSync(mounted, "", { mode: 0o600 });
    const { status } = spawnSync("mount", ["--bind", path, mounted]);
    if (status !== 0) return skip("NOT RUN: this process may not mount");
    onTestFinished(() => void spawnSync("umount", [mounted]));
    const seen = warnings();
    await using store = new FileTokenStore(mounted);
    await saveMuch(store, "a");
    await using direct = new FileTokenStore(path);
    expect(await direct.getTokens()).toHaveLength(2);
    expect(seen.join()).toMatch(/TOKENKEEP_NOT_COMPACTED: .*mount its directory/);
  });
});

describe.skipIf(!isRoot)("another user (NOT RUN where the tests are not root's)", () => {
  const make = async (mode: number, fileMode: number, owner = NOBODY) => {
    const path = newPath();
    await saveSome(path, 1);
    chmodSync(dirname(dirname(path)), 0o1777);
    chmodSync(path, fileMode);
    chownSync(path, owner, owner);
    chmodSync(dirname(path), mode);
    return path;
  };

  it("may save where the directory is read-only and the file is not; locks are refused", async () => {
    const path = await make(0o755, 0o600);
    expect(await asUser(path)).toEqual(["done", "done", "ERR_PERMISSION"]);
    await using store = new FileTokenStore(path);
    expect(await store.findTokenById("user")).not.toBeNull();
  });

  it("loses nothing where the read-only directory makes compaction impossible", async () => {
    const path = await make(0o755, 0o600);
    expect(await asUser(path, "much")).toEqual(["done", "done", "ERR_PERMISSION"]);
    expect(linesOf(path).length).toBeGreaterThan(600);
    await using store = new FileTokenStore(path);
    expect((await store.findTokenById("user"))?.revision).toBe(601);
  });

  it.each([
    ["the file is another's", 0o777, 0o600, 0],
    ["the file is read-only", 0o777, 0o400, NOBODY],
    ["the directory can't be entered", 0o700, 0o600, NOBODY],
  ])("is refused where %s, and nothing changes", async (_name, mode, fileMode, owner) => {
    const path = await make(mode, fileMode, owner);
    const text = readFileSync(path, "utf8");
    expect(await asUser(path)).toEqual(["ERR_PERMISSION", "ERR_PERMISSION", "ERR_PERMISSION"]);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("is refused where the file is to be made in a read-only directory", async () => {
    const path = newPath();
    chmodSync(dirname(path), 0o755);
    expect(await asUser(path)).toEqual(["ERR_PERMISSION", "ERR_PERMISSION", "ERR_PERMISSION"]);
    mkdirSync(join(dirname(path), "sub"));
    expect(await asUser(join(dirname(path), "sub", "deep", "tokens.jsonl"))).toContain("ERR_PERMISSION");
  });

  it("keeps its file when root compacts it", async () => {
    const path = await make(0o777, 0o600);
    await using store = new FileTokenStore(path);
    await saveMuch(store, "root");
    await store.withLock("k", () => {});
    for (const name of [path, `${path}.locks`]) expect(statSync(name).uid, name).toBe(NOBODY);
    expect(await asUser(path)).toEqual(["done", "done", "done"]);
  });

  it("leaves a file that is shared by its mode with its owner when it would compact it", async () => {
    const path = await make(0o777, 0o666, 0);
    expect(await asUser(path, "allowOthers", "much")).toEqual(["done", "done", "ERR_PERMISSION"]);
    expect(statSync(path).uid).toBe(0);
    await using store = new FileTokenStore({ path, allowOthers: true });
    expect((await store.findTokenById("user"))?.revision).toBe(601);
  });
});
