import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKey } from "@tokenkeep/core";
import { describeOn, startServer, type TestServer } from "@tokenkeep/test-servers";
import Database from "better-sqlite3";
import { createConnection } from "mysql2/promise";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { dump, fill, storeOn } from "./support/backends.js";
import { tokenkeepHere } from "./support/run.js";

const SECRETS = /(refresh|access)-secret/;
const folder = mkdtempSync(join(tmpdir(), "tokenkeep-cli-"));
const servers: TestServer[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

/** The backends that are there, by name. */
const urls = new Map([
  ["file", `file:${join(folder, "tokens.jsonl")}`],
  ["sqlite", `sqlite:${join(folder, "tokens.db")}`],
]);
for (const name of ["redis", "mysql", "postgres", "ferretdb"] as const) {
  // All of them have to be there at once, for the copies between them.
  const start = async () => {
    const server = await startServer(name);
    servers.push(server);
    urls.set(name, server.url);
    return { ...server, stop: async () => {} };
  };
  await describeOn(name, start, () => it("takes part", () => {}));
}

let count = 0;
/** Where `copy` copies to. */
let target = "";
const run = async (url: string, namespace: string, ...args: string[]) => {
  const env = { TOKENKEEP_STORE: url, TOKENKEEP_TO: target };
  const ran = await tokenkeepHere([...args, "--namespace", namespace], env);
  expect(ran.stdout + ran.stderr).not.toMatch(SECRETS);
  return ran;
};
const json = async (url: string, namespace: string, ...args: string[]) =>
  (await run(url, namespace, ...args, "--json")).stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

describe.each([...urls])("on %s", (_name, url) => {
  let namespace: string;
  beforeEach(() => {
    namespace = `commands ${++count}`;
  });

  it("list, show and find show what is there, change nothing, and show no secret", async () => {
    const [ann] = await fill(url, ["ann", "bob"], { namespace });
    const before = await dump(url);
    expect((await run(url, namespace, "list")).stdout).toMatch(/ann +app +in 59 minutes/);
    expect((await json(url, namespace, "list")).map(({ user }) => user).sort()).toEqual(["ann", "bob"]);
    expect(await json(url, namespace, "list", "--user", "ann")).toMatchObject([{ id: ann, revision: 1 }]);
    expect(await json(url, namespace, "show", ann!)).toMatchObject([{ id: ann, refreshToken: "***" }]);
    expect(await json(url, namespace, "find", "--user", "bob")).toMatchObject([{ clientId: "app" }]);
    for (const args of [["delete", ann!], ["prune", "--idle", "0s"], ["rekey"], ["migrate"]]) {
      expect((await run(url, namespace, ...args, "--dry-run", "--yes")).status).toBe(0);
    }
    expect(await dump(url)).toBe(before);
  });

  it("migrate creates a store, which looking does not", async () => {
    const before =
      existsSync(url.slice(url.indexOf(":") + 1)) || /^\w+:\/\//.test(url) ? await dump(url) : "";
    const there = await run(url, namespace, "list");
    if (there.status !== 0) {
      expect(await dump(url)).toBe(before);
      expect(await run(url, namespace, "migrate", "--dry-run")).toMatchObject({ status: 1 });
      expect(await dump(url)).toBe(before);
    }
    expect(await run(url, namespace, "migrate", "--yes")).toMatchObject({ status: 0 });
    expect(await json(url, namespace, "list")).toEqual([]);
  });

  it("delete and prune remove what they name, after a yes", async () => {
    const [ann, bob] = await fill(url, ["ann", "bob", "cy"], { namespace });
    expect(await run(url, namespace, "delete", ann!)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("which has 3 records"),
    });
    expect(await json(url, namespace, "delete", ann!, "--yes")).toMatchObject([{ deleted: true }]);
    const store = storeOn(url, { namespace });
    await store.saveToken({ userSignature: { name: "gone" }, accessToken: "g", expiresAt: Date.now() - 1 });
    expect(await json(url, namespace, "prune", "--expired", "--yes")).toEqual([
      { removed: 1, kept: 0, dryRun: false },
    ]);
    expect((await store.getTokens()).map(({ id }) => id)).toContain(bob);
    await store.close();
    expect(await json(url, namespace, "list")).toHaveLength(2);
  });

  it("export and import move everything, ids and times included", async () => {
    await fill(url, ["ann", "bob"], { namespace });
    const file = join(folder, `export ${count}`);
    expect(await run(url, namespace, "export", "--plaintext", "--output", file)).toMatchObject({ status: 0 });
    const other = `${namespace} imported`;
    expect(await json(url, other, "import", file, "--dry-run")).toMatchObject([{ written: 2, dryRun: true }]);
    expect(await json(url, other, "import", file)).toMatchObject([{ read: 2, written: 2, kept: 0 }]);
    expect(await json(url, other, "import", file, "--yes")).toMatchObject([{ written: 0, kept: 2 }]);
    expect(await json(url, other, "list")).toEqual(await json(url, namespace, "list"));
  });

  it("rekey encrypts it", async () => {
    await fill(url, ["ann", "bob"], { namespace });
    const env = { TOKENKEEP_STORE: url, TOKENKEEP_KEYS: generateKey("k1") };
    const args = ["rekey", "--yes", "--json", "--namespace", namespace];
    const { stdout } = await tokenkeepHere(args, env);
    expect(JSON.parse(stdout)).toMatchObject({ isComplete: true, inUse: { keys: { k1: 2 } } });
    expect((await json(url, namespace, "list")).map(({ keys }) => keys)).toEqual([["k1"], ["k1"]]);
  });
});

describe("import from a Zoho SDK", () => {
  const COLUMNS =
    "id,user_name,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url,api_domain";
  const ROWS = ["ann", "bob"].map((name, i) => [
    `${i}`,
    name,
    "1000.C",
    "client-secret",
    `refresh-secret-${name}`,
    `access-secret-${name}`,
    null,
    "1790000000000",
    null,
    "https://www.zohoapis.eu",
  ]);
  const importInto = async (...args: string[]) => {
    const namespace = `zoho ${++count}`;
    const url = urls.get("sqlite")!;
    expect(await json(url, namespace, "import", ...args, "--dry-run")).toMatchObject([
      { read: 2, written: 2 },
    ]);
    expect(await json(url, namespace, "import", ...args)).toMatchObject([{ written: 2, problems: [] }]);
    expect(await json(url, namespace, "import", ...args, "--dry-run")).toMatchObject([
      { written: 0, kept: 2 },
    ]);
    expect(await json(url, namespace, "import", ...args, "--yes")).toMatchObject([{ written: 0, kept: 2 }]);
    const { stderr } = await run(url, `${namespace} again`, "import", ...args);
    expect(stderr).toMatch(
      /2 tokens read, [\d,]+ per second\.\nVerified: every one of 2 tokens is in the target\.\n/,
    );
    const listed = await json(url, namespace, "list", "--sort", "user");
    expect(listed.map(({ user, clientId }) => [user, clientId])).toEqual([
      ["ann", "1000.C"],
      ["bob", "1000.C"],
    ]);
  };

  it("its SQLite database", async () => {
    const path = join(folder, "zohooauth.db");
    const database = new Database(path);
    database.exec(`CREATE TABLE oauthtoken (${COLUMNS.replaceAll(",", " TEXT, ")} TEXT)`);
    const insert = database.prepare(`INSERT INTO oauthtoken VALUES (${ROWS[0]!.map(() => "?").join()})`);
    for (const row of ROWS) insert.run(...row);
    database.close();
    await importInto(path);
  });

  it.runIf(urls.has("mysql"))("its MySQL table, by a URL in a file", async () => {
    const connection = await createConnection(urls.get("mysql")!);
    await connection.query(`CREATE TABLE tokens_of_zoho (${COLUMNS.replaceAll(",", " TEXT, ")} TEXT)`);
    await connection.query("INSERT INTO tokens_of_zoho VALUES ?", [ROWS]);
    const file = join(folder, "zoho-url");
    writeFileSync(file, urls.get("mysql")!);
    await importInto(`@${file}`, "--table", "tokens_of_zoho");
    await connection.query("DROP TABLE tokens_of_zoho");
    await connection.end();
  });
});

const pairs = [...urls.keys()].flatMap((from) =>
  [...urls.keys()].filter((to) => to !== from).map((to) => [from, to] as const),
);
describe("copy", () => {
  it.each(pairs)(
    "from %s to %s keeps ids and times, may be repeated, and overwrites nothing newer",
    async (from, to) => {
      const url = urls.get(from)!;
      target = urls.get(to)!;
      const namespace = `from ${from} to ${to}`;
      const [ann, bob] = await fill(url, ["ann", "bob", "cy"], { namespace });
      const copy = (...more: string[]) => json(url, namespace, "copy", ...more);
      expect(await copy("--dry-run")).toMatchObject([{ read: 3, written: 3, dryRun: true }]);
      expect(await copy()).toMatchObject([{ read: 3, written: 3, kept: 0, problems: [] }]);
      expect(await json(target, namespace, "list")).toEqual(await json(url, namespace, "list"));

      const [source, copied] = [storeOn(url, { namespace }), storeOn(target, { namespace })];
      const plain = async (store: typeof source) => (await store.getTokens()).map((token) => token.toPlain());
      expect(await plain(copied)).toEqual(await plain(source));
      await copied.saveToken({ id: ann!, accessToken: "newer" });
      await source.saveToken({ id: bob!, refreshToken: "rotated" });
      expect(await run(url, namespace, "copy")).toMatchObject({
        status: 2,
        stderr: expect.stringContaining("which has 3 records"),
      });
      expect(await copy("--yes")).toMatchObject([{ written: 1, kept: 2 }]);
      expect((await copied.findTokenById(ann!))?.accessToken).toBe("newer");
      expect((await copied.findTokenById(bob!))?.refreshToken).toBe("rotated");
      await Promise.all([source.close(), copied.close()]);
    },
  );
});
