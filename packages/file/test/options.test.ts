import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { rekey } from "@tokenkeep/core";
import { describe, expect, it } from "vitest";
import { FileTokenStore, type FileTokenStoreOptions } from "../dist/index.js";
import { newDirectory, newPath, saveSome, siblings } from "./helpers.js";

describe("the options", () => {
  it.each([
    ["undefined", undefined, "environment variable"],
    ["an undefined path", { path: undefined }, "environment variable"],
    ["no path", {}, "path"],
    ["an empty path", "", "path"],
    ["a path with a zero byte", "a\0b", "path"],
    ["a number", 1, "object"],
    ["a path that is a number", { path: 1 }, "path"],
    ["a file: URL", pathToFileURL("/tmp/tokens.jsonl").href, "fileURLToPath"],
    ["an unknown option", { path: "a", file: "b" }, '"file"'],
    ["an allowOthers that is not a boolean", { path: "a", allowOthers: "yes" }, "allowOthers"],
    ["an unknown way to open", { path: "a", open: "readonly" }, "existing"],
  ])("%s: ERR_INVALID_OPTIONS, which says what is right", (_name, options, words) => {
    expect(() => new FileTokenStore(options as FileTokenStoreOptions)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_OPTIONS", message: expect.stringContaining(words) }),
    );
  });
});

describe('open: "existing"', () => {
  it("creates neither the file nor its directory, and works once the file is there", async () => {
    const directory = newDirectory();
    const path = join(directory, "missing", "tokens.jsonl");
    await using store = new FileTokenStore({ path, open: "existing" });
    const saved = store.saveToken({ refreshToken: "r" });
    await expect(saved).rejects.toMatchObject({
      code: "ERR_SCHEMA",
      retryable: false,
      message: expect.stringContaining(`${path} does not exist`),
    });
    await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    await expect(store.withLock("k", () => {})).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    expect(existsSync(dirname(path))).toBe(false);
    await saveSome(path, 2);
    expect(await store.getTokens()).toHaveLength(2);
  });

  it("leaves a file as it is while it is only read", async () => {
    const path = newPath();
    await saveSome(path, 2);
    const before = readFileSync(path);
    await using store = new FileTokenStore({ path, open: "existing" });
    expect(await store.findToken({ refreshToken: "refresh-1" })).not.toBeNull();
    await store.close();
    expect(readFileSync(path)).toEqual(before);
    expect(siblings(path)).toEqual([]);
  });

  it.each(["save", "compaction"])(
    "deletes what a dead process left before a %s, and not to look",
    async (write) => {
      const path = newPath();
      await saveSome(path, 2);
      const leftover = `${path}.another-file.${randomUUID()}.tmp`;
      writeFileSync(leftover, "");
      await using store = new FileTokenStore({ path, open: "existing" });
      expect(await store.getTokens()).toHaveLength(2);
      expect(siblings(path)).toEqual([basename(leftover)]);
      if (write === "save") await store.saveToken({ refreshToken: "another" });
      else await rekey(store, { to: "plaintext" });
      expect(siblings(path)).toEqual([]);
    },
  );

  it("leaves an empty file and a foreign one as they are", async () => {
    for (const text of ["", "hello\n"]) {
      const path = newPath();
      writeFileSync(path, text, { mode: 0o600 });
      await using store = new FileTokenStore({ path, open: "existing" });
      await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_CORRUPT" });
      expect(readFileSync(path, "utf8")).toBe(text);
    }
  });
});
