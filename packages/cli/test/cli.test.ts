import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey } from "@tokenkeep/core";
import { FileTokenStore } from "@tokenkeep/file";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Output } from "../src/output.js";
import { createProgram } from "../src/program.js";
import { importFromProject } from "../src/project.js";
import { tokenkeep } from "./support/run.js";

let folder: string;
let path: string;
let store: string;

const HOUR = 3_600_000;
const SECRETS = /(refresh|access)-secret/;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tokenkeep-cli-"));
  path = join(folder, "tokens.db");
  store = `sqlite:${path}`;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Saves tokens of ann, bob and so on, of which the first one's access token expired. */
async function fill(
  names: readonly string[],
  encryption?: { keys: { id: string; key: string }[] },
): Promise<string[]> {
  const tokens = new SqliteTokenStore({ path, encryption });
  const ids: string[] = [];
  for (const [index, name] of names.entries()) {
    const { id } = await tokens.saveToken({
      userSignature: { name },
      clientId: "app",
      refreshToken: `refresh-secret-${name}`,
      accessToken: `access-secret-${name}`,
      expiresAt: Date.now() + (index === 0 ? -HOUR : HOUR),
    });
    ids.push(id!);
  }
  await tokens.close();
  return ids;
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

describe("list, show and find", () => {
  it("show what is there, and no secret", async () => {
    const [ann] = await fill(["ann", "bob"]);
    const listed = await tokenkeep(["list", "--store", store]);
    expect(listed).toMatchObject({ status: 0, stderr: "" });
    expect(lines(listed.stdout)).toHaveLength(3);
    expect(listed.stdout).toMatch(/ann +app +1 hour ago/);
    const json = await tokenkeep(["list", "--store", store, "--expired", "--json"]);
    expect(lines(json.stdout).map((line) => JSON.parse(line).user)).toEqual(["ann"]);
    const shown = await tokenkeep(["show", ann!], { TOKENKEEP_STORE: store });
    const found = await tokenkeep(["find", "--user", "ann", "--json"], { TOKENKEEP_STORE: store });
    expect(JSON.parse(found.stdout)).toMatchObject({ id: ann, refreshToken: "***" });
    for (const { stdout } of [listed, json, shown, found]) expect(stdout).not.toMatch(SECRETS);
  });

  it("need no key, except to look inside", async () => {
    const key = generateKey("k1").split(":")[1]!;
    const [ann] = await fill(["ann"], { keys: [{ id: "k1", key }] });
    expect((await tokenkeep(["list", "--store", store])).stdout).toMatch(/ k1$/m);
    const refused = await tokenkeep(["show", ann!, "--store", store]);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining("--keys-file. (ERR_KEY)") });
    const opened = await tokenkeep(["show", ann!, "--store", store], { TOKENKEEP_KEYS: `k1:${key}` });
    expect(opened.stdout).toContain("***");
  });

  it("reveal secrets only after a yes", async () => {
    const [ann] = await fill(["ann"]);
    const asked = await tokenkeep(["show", ann!, "--store", store, "--reveal"]);
    expect(asked).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("--yes") });
    const revealed = await tokenkeep(["show", ann!, "--store", store, "--reveal", "--yes"]);
    expect(revealed.stdout).toContain("refresh-secret-ann");
  });

  it("do nothing to a terminal, whatever a user is called", async () => {
    await fill(["\u001b[2Jevil\u202e"]);
    const { stdout } = await tokenkeep(["list", "--store", store]);
    expect(stdout).toContain("\\u001b[2Jevil\\u202e");
    expect(stdout).not.toContain("\u001b");
  });
});

describe("looking", () => {
  it("creates nothing: a mistyped path is an error", async () => {
    for (const args of [
      ["list"],
      ["doctor"],
      ["prune", "--expired", "--dry-run"],
      ["export", "--plaintext"],
    ]) {
      const { status, stderr, stdout } = await tokenkeep([...args, "--store", `${store}x`]);
      expect([1, 1]).toContain(status);
      expect(stderr + stdout).toContain("does not exist");
    }
    expect(existsSync(`${path}x`)).toBe(false);
  });
});

describe("usage", () => {
  it.each([
    [[]],
    [["nonsense"]],
    [["list", "--store", "tokens.db"]],
    [["list"]],
    [["prune"]],
    [["prune", "--idle", "soon"]],
    [["show"]],
    [["rekey", "--to", "plaintext"]],
  ])("%j is wrong, and says why", async (args) => {
    const { status, stderr } = await tokenkeep(args);
    expect(status).toBe(2);
    expect(stderr).not.toBe("");
  });

  it("has help with examples for every command", async () => {
    const { stdout, status } = await tokenkeep(["--help"]);
    expect(status).toBe(0);
    const program = createProgram({ output: new Output(), signal: new AbortController().signal });
    for (const command of program.commands) {
      expect(stdout).toContain(`  ${command.name()} `);
      let help = "";
      command.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      command.outputHelp();
      expect(help).toMatch(/Examples:\n.*tokenkeep/);
    }
  });

  it("says its version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(await tokenkeep(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("says how to install what is missing", async () => {
    const missing = importFromProject("@tokenkeep/none", "no-driver");
    await expect(missing).rejects.toThrow("Run: npm install @tokenkeep/none no-driver");
  });
});

describe("copy", () => {
  it("keeps ids and times, may be repeated, and overwrites nothing newer", async () => {
    const [ann] = await fill(["ann", "bob", "cy"]);
    const target = join(folder, "copy.jsonl");
    const args = ["copy", "--store", store, "--to", `file:${target}`, "--json"];
    const rehearsed = await tokenkeep([...args, "--dry-run"]);
    expect(JSON.parse(rehearsed.stdout)).toMatchObject({ read: 3, written: 3, dryRun: true });
    expect(existsSync(target)).toBe(false);
    expect(JSON.parse((await tokenkeep(args)).stdout)).toMatchObject({ written: 3, kept: 0, problems: [] });

    const copied = new FileTokenStore(target);
    const source = new SqliteTokenStore(path);
    expect((await copied.findTokenById(ann!))?.toPlain()).toEqual(
      (await source.findTokenById(ann!))?.toPlain(),
    );
    await copied.saveToken({ id: ann!, accessToken: "newer" });
    await source.saveToken({ userSignature: { name: "bob" }, clientId: "app", refreshToken: "rotated" });
    await Promise.all([copied.close(), source.close()]);

    const unasked = await tokenkeep(args);
    expect(unasked).toMatchObject({ status: 2, stderr: expect.stringContaining("which has 3 records") });
    expect(JSON.parse((await tokenkeep([...args, "--yes"])).stdout)).toMatchObject({ written: 1, kept: 2 });
    const after = new FileTokenStore(target);
    expect((await after.findTokenById(ann!))?.accessToken).toBe("newer");
    expect((await after.findToken({ userSignature: { name: "bob" }, clientId: "app" }))?.refreshToken).toBe(
      "rotated",
    );
    await after.close();
  });

  it("does not make secrets less protected unless told to", async () => {
    const key = generateKey("k1").split(":")[1]!;
    await fill(["ann"], { keys: [{ id: "k1", key }] });
    const args = ["copy", "--store", store, "--to", `file:${join(folder, "copy.jsonl")}`];
    const keys = { TOKENKEEP_KEYS: `k1:${key}` };
    expect(await tokenkeep(args, keys)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("--plaintext"),
    });
    const sealed = await tokenkeep(args, { ...keys, TOKENKEEP_TO_KEYS: generateKey("k2") });
    expect(sealed.status).toBe(0);
    expect(readFileSync(join(folder, "copy.jsonl"), "utf8")).not.toMatch(SECRETS);
  });
});

describe("export and import", () => {
  it("move every token through a private file", async () => {
    await fill(["ann", "bob"]);
    const file = join(folder, "tokens.export");
    writeFileSync(file, '{"id":"older"}\n', { mode: 0o644 });
    expect(await tokenkeep(["export", "--store", store, "--output", file])).toMatchObject({ status: 2 });
    await tokenkeep(["export", "--store", store, "--output", file, "--plaintext"]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const target = `sqlite:${join(folder, "other.db")}`;
    const imported = await tokenkeep(["import", file, "--store", target, "--json"]);
    expect(JSON.parse(imported.stdout)).toMatchObject({ written: 2, problems: [] });
  });

  it("overwrite no store, nor anything else but an older export", async () => {
    await fill(["ann"]);
    const other = join(folder, "notes.txt");
    writeFileSync(other, "notes");
    const to = (file: string) => tokenkeep(["export", "--store", store, "--output", file, "--plaintext"]);
    for (const file of [path, other]) {
      expect(await to(file)).toMatchObject({ status: 1, stderr: expect.stringMatching(/is no export/) });
    }
    expect(await to(folder)).toMatchObject({ status: 1, stderr: expect.stringMatching(/EISDIR/) });
    expect(readFileSync(other, "utf8")).toBe("notes");
    expect((await tokenkeep(["list", "--store", store])).stdout).toMatch(/ann/);
    expect(await tokenkeep(["import", folder, "--store", store])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/can't be read \(EISDIR\)/),
    });
  });

  it("say which line is no token, and import what came before", async () => {
    const file = join(folder, "tokens.export");
    writeFileSync(file, '{"id":"1","grantToken":"g","revision":1,"createdAt":1,"savedAt":1}\nnull\n');
    const imported = await tokenkeep(["import", file, "--store", store]);
    expect(imported).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^tokenkeep: Line 2 of .* is no token/m),
    });
    expect((await tokenkeep(["show", "1", "--store", store])).status).toBe(0);
  });

  it("verify what was imported, and only that", async () => {
    const file = join(folder, "tokens.export");
    writeFileSync(file, '{"id":"1","grantToken":"g","savedAt":1,"op":1}\n{"grantToken":"g"}\n');
    const { status, stdout, stderr } = await tokenkeep(["import", file, "--store", store]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^not imported: 1: Unknown property "op"/m);
    expect(stdout).toMatch(/^not imported: a token without an id: /m);
    expect(stderr).not.toMatch(/Verified/);
  });

  it("take no store for an export", async () => {
    const from = join(folder, "tokens.jsonl");
    await fill(["ann"]);
    await tokenkeep(["copy", "--store", store, "--to", `file:${from}`, "--yes"]);
    expect(await tokenkeep(["import", from, "--store", store])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/is a store\. Use copy, with --store file:/),
    });
  });

  it("read the file of a Zoho SDK", async () => {
    const file = join(folder, "zoho_tokens.txt");
    const header =
      "id,user_name,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url,api_domain";
    writeFileSync(file, `${header}\n1,ann,1000.C,secret,1000.r,1000.a,,1790000000000,,`);
    const { stdout } = await tokenkeep(["import", file, "--store", store, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ written: 1, problems: [] });
  });
});

describe("what removes", () => {
  it("asks, and without a terminal needs --yes", async () => {
    const [ann] = await fill(["ann", "bob"]);
    expect(await tokenkeep(["delete", ann!, "--store", store])).toMatchObject({ status: 2 });
    expect(await tokenkeep(["delete", ann!, "--store", store, "--dry-run"])).toMatchObject({ status: 0 });
    expect(lines((await tokenkeep(["list", "--store", store, "--json"])).stdout)).toHaveLength(2);
    expect(await tokenkeep(["delete", ann!, "--store", store, "--yes"])).toMatchObject({ status: 0 });
    expect(await tokenkeep(["delete", ann!, "--store", store, "--yes"])).toMatchObject({ status: 1 });
    const pruned = await tokenkeep(["prune", "--idle", "0s", "--store", store, "--yes", "--json"]);
    expect(JSON.parse(pruned.stdout)).toEqual({ removed: 1, kept: 0, dryRun: false });
  });
});

describe("rekey", () => {
  it("encrypts a store in place, moves it to a new key, and back", async () => {
    await fill(["ann", "bob"]);
    const [one, two] = [generateKey("k1"), generateKey("k2")];
    const rekey = (keys: string, ...more: string[]) =>
      tokenkeep(["rekey", "--store", store, "--yes", "--json", ...more], { TOKENKEEP_KEYS: keys });
    expect(JSON.parse((await rekey(one)).stdout)).toMatchObject({
      isComplete: true,
      changed: 2,
      inUse: { keys: { k1: 2 } },
    });
    expect(readFileSync(path).toString("latin1")).not.toMatch(SECRETS);
    expect(JSON.parse((await rekey(`${two},${one}`)).stdout)).toMatchObject({ inUse: { keys: { k2: 2 } } });
    expect((await rekey(one)).status).toBe(1);
    const back = await rekey(two, "--to", "plaintext", "--plaintext");
    expect(JSON.parse(back.stdout)).toMatchObject({ inUse: { keys: {}, plaintext: 2 } });
  });

  it("makes keys that it takes", async () => {
    const { stdout } = await tokenkeep(["keygen", "k9"]);
    expect(stdout).toMatch(/^k9:[A-Za-z0-9+/]{43}=$/);
    expect(await tokenkeep(["keygen", "no spaces"])).toMatchObject({ status: 2 });
  });
});

it("prints completions from its own commands", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await tokenkeep(["completion", shell]);
    expect(stdout).toMatch(/tokenkeep/);
    expect(stdout).toMatch(/doctor/);
  }
  expect(await tokenkeep(["completion", "tcsh"])).toMatchObject({ status: 2 });
});
