import { chmodSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateKey } from "@tokenkeep/core";
import Database from "better-sqlite3";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { fill, folderForTest, storeOn } from "./support/backends.js";
import { doctor } from "./support/doctor.js";
import { tokenkeepHere } from "./support/run.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let folder: string;
beforeEach(() => {
  folder = folderForTest();
});

describe("on a file", () => {
  let path: string;
  let url: string;
  beforeEach(async () => {
    path = join(folder, "tokens.jsonl");
    url = `file:${path}`;
    await fill(url, ["ann", "bob"]);
  });

  it("finds nothing in a healthy store", async () => {
    expect(await doctor(url)).toEqual({ status: 0, names: [] });
  });

  it("finds a file that others can read", async () => {
    chmodSync(path, 0o644);
    expect((await doctor(url)).names).toEqual(["readable-by-others", "refused"]);
  });

  it("finds a folder in which others can replace it", async () => {
    chmodSync(folder, 0o777);
    expect((await doctor(url)).names).toEqual(["directory-writable-by-others"]);
  });

  it("finds what a process left that died, and not what one is writing", async () => {
    const leftover = `${path}.a-file.1ec96a80-c4c7-40b4-b1fe-ba565d6f045e.tmp`;
    writeFileSync(leftover, "");
    expect((await doctor(url)).names).toEqual([]);
    utimesSync(leftover, new Date(0), new Date(0));
    expect(await doctor(url)).toEqual({ status: 0, names: ["leftover-files"] });
  });

  it("finds damage, and another program's file", async () => {
    const text = readFileSync(path, "utf8");
    const [header, ...lines] = text.split("\n");
    writeFileSync(path, [header, "{torn", ...lines].join("\n"));
    expect((await doctor(url)).names).toEqual(["corrupt"]);
    writeFileSync(path, "another program's\n");
    expect((await doctor(url)).names).toEqual(["corrupt"]);
  });
});

describe("on SQLite", () => {
  let path: string;
  let url: string;
  beforeEach(async () => {
    path = join(folder, "tokens.db");
    url = `sqlite:${path}`;
  });

  const change = (...statements: string[]) => {
    const database = new Database(path);
    database.unsafeMode(true);
    for (const sql of statements) database.exec(sql);
    database.close();
  };

  it("finds nothing in a healthy store", async () => {
    await fill(url, ["ann", "bob"]);
    expect(await doctor(url)).toEqual({ status: 0, names: [] });
  });

  it("finds nothing while a program rotates tokens", async () => {
    await fill(url, ["ann", "bob"]);
    const store = storeOn(url);
    let isDone = false;
    const rotating = (async () => {
      for (let round = 0; !isDone; round++) {
        await store.saveToken({
          userSignature: { name: "ann" },
          clientId: "app",
          refreshToken: `refresh-secret-${round}`,
        });
        await new Promise(setImmediate);
      }
    })();
    for (let round = 0; round < 20; round++) {
      const { stdout } = await tokenkeepHere(["doctor", "--store", url, "--json"]);
      expect(JSON.parse(stdout).findings).toEqual([]);
    }
    isDone = true;
    await rotating;
    await store.close();
  });

  it.each([
    ["index-missing", "UPDATE tokenkeep_tokens SET refresh_token_key = NULL"],
    ["schema-index-missing", "DROP INDEX tokenkeep_tokens_refresh_token"],
    ["sqlite-not-wal", "PRAGMA journal_mode = DELETE"],
    ["schema", "UPDATE tokenkeep_meta SET value = 99 WHERE name = 'version'"],
    ["schema", "UPDATE tokenkeep_meta SET value = 0 WHERE name = 'version'"],
    ["corrupt", "UPDATE tokenkeep_tokens SET record = 'torn'"],
  ])("finds %s after: %s", async (name, sql) => {
    await fill(url, ["ann"]);
    change(sql);
    expect(await doctor(url)).toEqual({ status: 1, names: [name] });
  });

  it("finds damage that no record shows", async () => {
    await fill(url, ["ann"]);
    change(
      "PRAGMA writable_schema = ON",
      "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'tokenkeep_locks') WHERE name = 'tokenkeep_tokens_user'",
    );
    expect((await doctor(url)).names).toContain("corrupt");
  });

  // Every schema has had one version so far, so an older one is made by giving SQLite's another step. The versions 0 of
  // the other tests are what no release has made: a store refuses them like a newer one.
  it("finds the schema of an older release, which migrate brings up to date with what is in it", async () => {
    const [ann] = await fill(url, ["ann"]);
    const module = new URL("../../sqlite/dist/schema.js", import.meta.url);
    const { STEPS } = (await import(module.href)) as { STEPS: string[] };
    STEPS.push("ALTER TABLE tokenkeep_tokens ADD COLUMN note TEXT");
    onTestFinished(() => void STEPS.pop());
    expect(await doctor(url)).toEqual({ status: 1, names: ["schema"] });
    const told = await tokenkeepHere(["list", "--store", url]);
    expect([told.status, told.stderr]).toEqual([1, expect.stringContaining("Run: npx tokenkeep migrate")]);
    expect(await tokenkeepHere(["migrate", "--store", url, "--yes"])).toMatchObject({ status: 0 });
    expect(await doctor(url)).toEqual({ status: 0, names: [] });
    const shown = await tokenkeepHere(["show", ann!, "--store", url, "--json"]);
    expect(JSON.parse(shown.stdout)).toMatchObject({ userSignature: { name: "ann" }, revision: 1 });
    change("SELECT note FROM tokenkeep_tokens"); // which fails without the column
  });

  it("finds a folder where the file should be", async () => {
    const { status, stdout } = await tokenkeepHere(["doctor", "--store", `sqlite:${folder}`, "--json"]);
    const named = { name: "failed", what: expect.stringContaining("is a directory") };
    expect([status, JSON.parse(stdout).findings]).toEqual([1, [expect.objectContaining(named)]]);
  });

  it("finds files that others can read", async () => {
    await fill(url, ["ann"]);
    chmodSync(path, 0o644);
    expect(await doctor(url)).toEqual({ status: 1, names: ["readable-by-others"] });
    const ignored = await tokenkeepHere(["doctor", "--store", url, "--ignore", "readable-by-others"]);
    expect(ignored).toMatchObject({ status: 0, stdout: expect.stringContaining("healthy") });
    expect(await tokenkeepHere(["doctor", "--store", url, "--ignore", "readable"])).toMatchObject({
      status: 2,
    });
  });

  it("finds keys that are missing, other bytes of a key, several keys, and plaintext among what is sealed", async () => {
    const [one, other, two] = [generateKey("k1"), generateKey("k1"), generateKey("k2")];
    const keysOf = (...texts: string[]) => ({
      encryption: { keys: texts.map((text) => ({ id: text.slice(0, 2), key: text.slice(3) })) },
    });
    await fill(url, ["ann", "dan"], keysOf(one));
    expect(await doctor(url)).toEqual({ status: 1, names: ["unreadable-record"] });
    const { stdout } = await tokenkeepHere(["doctor", "--store", url]);
    expect(stdout.match(/is sealed with the key "k1"/g)).toHaveLength(1); // and not for each record
    expect(stdout).toMatch(/ Not opened: \S+, \S+\.\n/);
    expect(await doctor(url, { TOKENKEEP_KEYS: one })).toEqual({ status: 0, names: [] });
    expect(await doctor(url, { TOKENKEEP_KEYS: other })).toEqual({ status: 1, names: ["key"] });
    await fill(url, ["bob"], keysOf(two, one));
    const both = { TOKENKEEP_KEYS: `${two},${one}` };
    expect(await doctor(url, both)).toEqual({ status: 0, names: ["several-keys"] });
    await fill(url, ["cy"]);
    expect(await doctor(url, both)).toEqual({ status: 1, names: ["mixed-plaintext", "several-keys"] });
  });

  it("finds a value that was tampered with", async () => {
    const key = generateKey("k1");
    await fill(url, ["ann", "bob"], { encryption: { keys: [{ id: "k1", key: key.slice(3) }] } });
    change(
      "UPDATE tokenkeep_tokens SET record = replace(record, 'ann', 'eve') WHERE record LIKE '%\"userName\":\"ann\"%'",
    );
    expect(await doctor(url, { TOKENKEEP_KEYS: key })).toEqual({ status: 1, names: ["unreadable-record"] });
  });

  it("finds a store full of dead tokens, and times that can't be", async () => {
    const store = storeOn(url);
    for (let i = 0; i < 20; i++) {
      await store.saveToken({
        userSignature: { name: `dead ${i}` },
        refreshToken: `r${i}`,
        refreshState: { status: "login-required" },
      });
    }
    await store.saveToken({ userSignature: { name: "b" }, accessToken: "x", expiresAt: Date.now() - HOUR });
    const future = { createdAt: Date.now() + DAY, savedAt: Date.now() + DAY };
    await store.importToken({ id: "future", refreshToken: "f", revision: 1, ...future });
    await store.close();
    const names = ["dead-grants", "expired-without-refresh", "saved-in-the-future"];
    expect(await doctor(url)).toEqual({ status: 1, names });
    const { stdout } = await tokenkeepHere(["doctor", "--store", url]);
    expect(stdout).toMatch(/dead-grants: .* and 15 more/);
  });
});

it("says that it could not check", async () => {
  const { status, stdout } = await tokenkeepHere(["doctor", "--store", "redis://127.0.0.1:1", "--json"]);
  expect(status).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ isChecked: false, findings: [{ name: "unreachable" }] });
});
