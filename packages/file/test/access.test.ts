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
import { linesOf, newDirectory, newPath, saveOften, saveSome, siblings, start, warnings } from "./helpers.js";

const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;

/** What `as-user.mjs` prints, which runs as another user. */
async function asUser(path: string, ...options: string[]): Promise<string[]> {
  const run = start("as-user.mjs", [path, ...options]);
  await run.ended;
  return run.lines();
}

describe("the file", () => {
  it("and the directories created for it belong to the owner alone, after a compaction too", async () => {
    const path = join(newPath(), "..", "new", "deep", "tokens.jsonl");
    await saveSome(path, 1);
    const modes = () =>
      [path, dirname(path), dirname(dirname(path))].map((name) => statSync(name).mode & 0o777);
    expect(modes()).toEqual([0o600, 0o700, 0o700]);
    const { ino } = statSync(path);
    await using store = new FileTokenStore(path);
    await saveOften(store, "a");
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
    await saveOften(allowed, "a");
    await allowed.withLock("k", () => {});
    expect(statSync(path).mode & 0o777).toBe(mode);
    expect(statSync(`${path}.locks`).mode & 0o777).toBe(mode);
  });

  it("must be a regular file: a directory or a device is refused", async () => {
    for (const path of [newDirectory(), "/dev/null"]) {
      await using store = new FileTokenStore(path);
      await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    }
  });
});

describe("several paths to one file", () => {
  it("by symbolic links, of the file and of its directory, work, also after a compaction", async () => {
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
      await saveOften(store, `id-${index}`);
      for (const other of stores) expect(await other.findTokenById(`id-${index}`)).not.toBeNull();
    }
    expect(linesOf(path).length).toBeLessThan(400);
    expect(siblings(link)).toEqual([]);
  });

  it("by a symbolic link to a missing file, which is created", async () => {
    const path = newPath();
    const link = newPath();
    symlinkSync(path, link);
    await saveSome(link, 1);
    await using store = new FileTokenStore(path);
    expect(await store.getTokens()).toHaveLength(1);
  });

  it("by a relative symbolic link in a linked directory, to a missing file", async () => {
    const root = newDirectory();
    for (const name of ["app", "releases/42", "releases/shared"])
      mkdirSync(join(root, name), { recursive: true });
    symlinkSync("../releases/42", join(root, "app/current"));
    symlinkSync("../shared/tokens.jsonl", join(root, "releases/42/tokens.jsonl"));
    await saveSome(join(root, "app/current/tokens.jsonl"), 1);
    expect(statSync(join(root, "releases/shared/tokens.jsonl")).isFile()).toBe(true);
  });

  it("relative to the directory in which the store was constructed", async () => {
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    const path = newPath();
    process.chdir(dirname(path));
    await using store = new FileTokenStore("tokens.jsonl");
    process.chdir(before);
    await store.saveToken({ refreshToken: "r" });
    expect(linesOf(path)).toHaveLength(2);
  });

  it("by a hard link work: the file is not compacted, and a warning says so", async () => {
    const path = newPath();
    await saveSome(path, 1);
    const other = newPath();
    linkSync(path, other);
    const seen = warnings();
    await using one = new FileTokenStore(path);
    await using two = new FileTokenStore(other);
    await saveOften(one, "a");
    await saveOften(two, "b");
    for (const store of [one, two]) expect(await store.getTokens()).toHaveLength(3);
    expect(statSync(path).ino).toBe(statSync(other).ino);
    expect(seen.join()).toMatch(/TOKENKEEP_NOT_COMPACTED: .*hard link/);
  });

  it("by a mount of the file itself work: it is not compacted, and a warning says so", async ({ skip }) => {
    const path = newPath();
    const mounted = newPath();
    await saveSome(path, 1);
    writeFileSync(mounted, "", { mode: 0o600 });
    const { status } = spawnSync("mount", ["--bind", path, mounted]);
    if (status !== 0) return skip("NOT RUN: this process may not mount");
    onTestFinished(() => void spawnSync("umount", [mounted]));
    const seen = warnings();
    await using store = new FileTokenStore(mounted);
    await saveOften(store, "a");
    await using direct = new FileTokenStore(path);
    expect(await direct.getTokens()).toHaveLength(2);
    expect(seen.join()).toMatch(/TOKENKEEP_NOT_COMPACTED: .*mount its directory/);
  });
});

describe.skipIf(!isRoot)("another user (NOT RUN unless the tests run as root)", () => {
  const makeFile = async (mode: number, fileMode: number, owner = NOBODY) => {
    const path = newPath();
    await saveSome(path, 1);
    chmodSync(dirname(dirname(path)), 0o1777);
    chmodSync(path, fileMode);
    chownSync(path, owner, owner);
    chmodSync(dirname(path), mode);
    return path;
  };

  it("can save where the directory is read-only and the file is not; locks are refused", async () => {
    const path = await makeFile(0o755, 0o600);
    expect(await asUser(path)).toEqual(["done", "done", "ERR_PERMISSION"]);
    await using store = new FileTokenStore(path);
    expect(await store.findTokenById("user")).not.toBeNull();
  });

  it("loses nothing where a read-only directory prevents compaction", async () => {
    const path = await makeFile(0o755, 0o600);
    expect(await asUser(path, "often")).toEqual(["done", "done", "ERR_PERMISSION"]);
    expect(linesOf(path).length).toBeGreaterThan(600);
    await using store = new FileTokenStore(path);
    expect((await store.findTokenById("user"))?.revision).toBe(601);
  });

  it.each([
    ["the file is another's", 0o777, 0o600, 0],
    ["the file is read-only", 0o777, 0o400, NOBODY],
    ["the directory can't be entered", 0o700, 0o600, NOBODY],
  ])("is refused where %s, and nothing changes", async (_name, mode, fileMode, owner) => {
    const path = await makeFile(mode, fileMode, owner);
    const text = readFileSync(path, "utf8");
    expect(await asUser(path)).toEqual(["ERR_PERMISSION", "ERR_PERMISSION", "ERR_PERMISSION"]);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("is refused where the file would have to be created in a read-only directory", async () => {
    const path = newPath();
    chmodSync(dirname(path), 0o755);
    expect(await asUser(path)).toEqual(["ERR_PERMISSION", "ERR_PERMISSION", "ERR_PERMISSION"]);
    mkdirSync(join(dirname(path), "sub"));
    expect(await asUser(join(dirname(path), "sub", "deep", "tokens.jsonl"))).toContain("ERR_PERMISSION");
  });

  it("keeps its file when root compacts it", async () => {
    const path = await makeFile(0o777, 0o600);
    await using store = new FileTokenStore(path);
    await saveOften(store, "root");
    await store.withLock("k", () => {});
    for (const name of [path, `${path}.locks`]) expect(statSync(name).uid, name).toBe(NOBODY);
    expect(await asUser(path)).toEqual(["done", "done", "done"]);
  });

  it("does not compact a file that it shares with its owner by its mode", async () => {
    const path = await makeFile(0o777, 0o666, 0);
    expect(await asUser(path, "allowOthers", "often")).toEqual(["done", "done", "ERR_PERMISSION"]);
    expect(statSync(path).uid).toBe(0);
    await using store = new FileTokenStore({ path, allowOthers: true });
    expect((await store.findTokenById("user"))?.revision).toBe(601);
  });
});

// The list is effective as long as the group's bits of the mode, which are its mask, allow it.
const LIST = ["-m", "u:65534:rw,g::---,m::rw"];
const hasAcl = spawnSync("setfacl", ["--version"]).status === 0;

describe.skipIf(!hasAcl || !isRoot)("an access control list (NOT RUN without setfacl and root)", () => {
  const listOf = (path: string) => spawnSync("getfacl", ["-cp", path]).stdout.toString();
  const setList = (path: string) => expect(spawnSync("setfacl", [...LIST, path]).status).toBe(0);

  it("of the file is kept: the file is not compacted, and a warning says so", async () => {
    const path = newPath();
    chmodSync(dirname(path), 0o777);
    await saveSome(path, 1);
    setList(path);
    const before = listOf(path);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    const seen = warnings();
    await using store = new FileTokenStore({ path, allowOthers: true });
    await saveOften(store, "a");
    await store.close();
    expect(listOf(path)).toBe(before);
    expect(seen.join()).toMatch(/TOKENKEEP_NOT_COMPACTED: .*access control list/);
    expect(siblings(path)).toEqual([]);
    expect(linesOf(path).length).toBeGreaterThan(400);
  });

  it("of the file does not open the file of the locks to its group", async () => {
    const path = newPath();
    await saveSome(path, 1);
    setList(path);
    await using store = new FileTokenStore({ path, allowOthers: true });
    await store.withLock("k", () => {});
    expect(statSync(`${path}.locks`).mode & 0o777).toBe(0o600);
  });

  it("that a directory hands on gives nobody access to a compacted file", async () => {
    const path = newPath();
    await saveSome(path, 1);
    expect(spawnSync("setfacl", ["-m", "d:u:65534:rw", dirname(path)]).status).toBe(0);
    await using store = new FileTokenStore(path);
    const { ino } = statSync(path);
    await saveOften(store, "a");
    await store.close();
    expect(statSync(path).ino).not.toBe(ino);
    expect(statSync(path).mode & 0o777).toBe(0o600);

    chmodSync(path, 0o640);
    expect(spawnSync("setfacl", ["-b", path]).status).toBe(0);
    chmodSync(path, 0o640);
    const shared = listOf(path);
    await using other = new FileTokenStore({ path, allowOthers: true });
    const seen = warnings();
    await saveOften(other, "b");
    await other.close();
    expect(listOf(path)).toBe(shared);
    expect(seen.join()).toMatch(/access control list/);
  });
});
