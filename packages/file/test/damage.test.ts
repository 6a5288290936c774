import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { linesOf, newPath, saveSome, writePrivate } from "./helpers.js";

describe("a damaged file", () => {
  it("keeps every whole line, whatever byte it ends at, and takes new saves", async () => {
    const path = newPath();
    await saveSome(path, 2);
    const whole = readFileSync(path);
    const first = whole.indexOf(10) + 1;
    for (let end = first; end <= whole.length; end++) {
      const cut = newPath();
      writeFileSync(cut, whole.subarray(0, end), { mode: 0o600 });
      await using store = new FileTokenStore(cut);
      const lines = whole.subarray(0, end).toString().split("\n").length - 2;
      expect(await store.getTokens()).toHaveLength(lines);
      await store.saveToken({ id: "new", refreshToken: "new" });
      await using again = new FileTokenStore(cut);
      expect((await again.getTokens()).length).toBe(lines + 1);
    }
  });

  it("takes the line that follows a torn one, whatever byte that ends at", async () => {
    const path = newPath();
    await saveSome(path, 2);
    const [head, cut, line] = linesOf(path) as [string, string, string];
    const part = cut.slice(0, 100);
    const before = ["", part, `${part}{"o`, `${cut}${part}`, `${part}\0\0`, "\0\0"];
    for (let end = 0; end <= cut.length; end++) before.push(cut.slice(0, end));
    for (const text of before) {
      writePrivate(path, `${head}\n${text}${line}\n`);
      await using store = new FileTokenStore(path);
      const tokens = await store.getTokens();
      expect(tokens.map(({ id }) => id)).toEqual(["id-1"]);
    }
  });

  it("does not take a changed newline for a torn line", async () => {
    const path = newPath();
    await saveSome(path, 2);
    const [head, one, two] = linesOf(path) as [string, string, string];
    writePrivate(path, `${head}\n${one}J${two}\n`);
    await using store = new FileTokenStore(path);
    await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_CORRUPT" });
  });

  it("keeps the later saves of a record whose earlier line was removed", async () => {
    const path = newPath();
    await using writer = new FileTokenStore(path);
    for (let n = 1; n <= 5; n++) await writer.saveToken({ id: "a", refreshToken: `r-${n}` });
    const lines = linesOf(path);
    for (const out of [1, 3]) {
      writePrivate(
        path,
        lines
          .filter((_, index) => index !== out)
          .map((line) => `${line}\n`)
          .join(""),
      );
      await using store = new FileTokenStore(path);
      const token = await store.findTokenById("a");
      expect([token?.revision, token?.refreshToken]).toEqual([5, "r-5"]);
    }
  });

  it.each([
    ["empty", () => ""],
    ["cut off in its first line", (text: string) => text.slice(0, 40)],
    ["cut off just before its first newline", (text: string) => text.slice(0, text.indexOf("\n"))],
    ["without its first line", (text: string) => text.slice(text.indexOf("\n") + 1)],
    ["with garbage at its end that is not of a line", (text: string) => `${text}garbage`],
  ])("is refused when it is %s, and nothing is written", async (_name, damage) => {
    const path = newPath();
    await saveSome(path, 2);
    const text = damage(readFileSync(path, "utf8"));
    writeFileSync(path, text);
    await using store = new FileTokenStore(path);
    for (const call of [() => store.getTokens(), () => store.saveToken({ refreshToken: "r" })]) {
      await expect(call()).rejects.toMatchObject({
        code: "ERR_CORRUPT",
        message: expect.stringMatching(/(backup|first line)/),
      });
    }
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("of a newer format is refused and left as it is", async () => {
    const path = newPath();
    await saveSome(path, 1);
    const { encodeLine } = await import("../dist/log/line.js");
    const text = encodeLine({ op: "header", format: 2, kind: "tokens" });
    writeFileSync(path, text);
    await using store = new FileTokenStore(path);
    await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("refuses garbage in the middle with its line, and changes nothing", async () => {
    const path = newPath();
    await saveSome(path, 3);
    const text = readFileSync(path, "utf8").replace("refresh-1", "refresh-X");
    writeFileSync(path, text);
    await using store = new FileTokenStore(path);
    await expect(store.getTokens()).rejects.toMatchObject({
      code: "ERR_CORRUPT",
      message: expect.stringContaining("line 3"),
    });
    await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("refuses garbage at the end, and a foreign file, and changes nothing", async () => {
    const path = newPath();
    await saveSome(path, 1);
    appendFileSync(path, "garbage\n");
    const text = readFileSync(path, "utf8");
    await using store = new FileTokenStore(path);
    await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    expect(readFileSync(path, "utf8")).toBe(text);
    const foreign = newPath();
    writeFileSync(foreign, "hello\nworld\n", { mode: 0o600 });
    await using other = new FileTokenStore(foreign);
    await expect(other.saveToken({ refreshToken: "r" })).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    expect(readFileSync(foreign, "utf8")).toBe("hello\nworld\n");
  });
});

describe("a store that is open", () => {
  it("reports damage, and works again once the line is removed", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "a" });
    const good = readFileSync(path, "utf8");
    appendFileSync(path, "garbage\n");
    await expect(store.findTokenById("a")).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    writeFileSync(path, good);
    expect(await store.findTokenById("a")).not.toBeNull();
    await store.saveToken({ id: "b", refreshToken: "b" });
    expect(await store.getTokens()).toHaveLength(2);
  });

  it("notices a file of the same size and time that replaced its own, or overwrote it", async () => {
    const path = newPath();
    const other = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "mine" });
    copyFileSync(path, other);
    const before = statSync(path);
    const changed = readFileSync(path, "utf8").replace("mine", "hers"); // Damaged, so that a read of it is noticed.
    for (const put of [
      () => writeFileSync(path, changed),
      () => {
        writeFileSync(other, changed);
        utimesSync(other, before.atime, before.mtime);
        renameSync(other, path);
      },
    ]) {
      writeFileSync(path, readFileSync(path, "utf8").replace("hers", "mine"));
      expect(await store.findTokenById("a")).not.toBeNull();
      put();
      utimesSync(path, before.atime, before.mtime);
      expect(statSync(path).size).toBe(before.size);
      // At once, or as soon as it can't be another process's write in progress.
      const damaged = async () =>
        expect(await store.findTokenById("a").catch(({ code }) => code)).toBe("ERR_CORRUPT");
      await vi.waitFor(damaged, { interval: 10 });
    }
  });

  it("continues with a backup that replaced its file", async () => {
    const path = newPath();
    const backup = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "old" });
    copyFileSync(path, backup);
    for (let n = 0; n < 600; n++) await store.saveToken({ id: "a", refreshToken: "new" });
    renameSync(backup, path);
    expect((await store.findTokenById("a"))?.refreshToken).toBe("old");
    for (let n = 0; n < 600; n++) await store.saveToken({ id: "b", refreshToken: "b" });
    await using again = new FileTokenStore(path);
    expect((await again.findTokenById("a"))?.refreshToken).toBe("old");
    expect((await again.findTokenById("b"))?.revision).toBe(600);
  });

  it("reports that its file is gone, and works again once it is back", async () => {
    const path = newPath();
    const away = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "a", refreshToken: "a" });
    renameSync(path, away);
    for (const call of [
      () => store.findTokenById("a"),
      () => store.saveToken({ id: "a", accessToken: "x" }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "ERR_UNAVAILABLE" });
    }
    renameSync(away, path);
    expect((await store.saveToken({ id: "a", accessToken: "x" })).revision).toBe(2);
  });

  it("continues with the file that another store created, even with the inode number of the old one", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await store.saveToken({ id: "old", refreshToken: "old" });
    for (let round = 0; round < 20; round++) {
      rmSync(path);
      await saveSome(path, 1);
      expect((await store.getTokens()).map(({ id }) => id)).toEqual(["id-0"]);
      await store.saveToken({ id: "mine", refreshToken: "mine" });
      await using again = new FileTokenStore(path);
      expect(await again.getTokens()).toHaveLength(2);
    }
  });

  it("saves while the file of its locks is damaged, and locks again once that is deleted", async () => {
    const path = newPath();
    await using store = new FileTokenStore(path);
    await store.withLock("k", () => {});
    writeFileSync(`${path}.locks`, "garbage\n");
    await expect(store.withLock("k", () => {})).rejects.toMatchObject({ code: "ERR_CORRUPT" });
    await store.saveToken({ id: "a", refreshToken: "a" });
    rmSync(`${path}.locks`);
    await using again = new FileTokenStore(path);
    await again.withLock("k", () => {});
  });
});
