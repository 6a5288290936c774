import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pruneTokens, type TokenStore } from "@tokenkeep/core";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { OAuthToken, UserSignature, FileStore as ZohoFileStore } from "@zohocrm/typescript-sdk-8.0";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { fromZohoFile, fromZohoTable, importTokens } from "../src/index.js";

// thousands of rows, on a busy machine
vi.setConfig({ testTimeout: 300_000 });

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tokenkeep-import-"));
});
afterAll(() => rm(directory, { recursive: true }));

let store: MemoryTokenStore;
beforeEach(() => {
  store = new MemoryTokenStore();
});

const ROW = { user_name: "ada", client_id: "c", refresh_token: "r", access_token: "a", expiry_time: "1000" };
const HEADER =
  "id,user_mail,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url";

/** The tokens of the store, without the record that remembers the import. */
async function tokens(of: TokenStore = store) {
  return (await of.getTokens()).filter(({ id }) => id !== "tokenkeep:zoho-import");
}

it("reads a file that the SDK itself has written, and brings it into a store in one line", async () => {
  const path = join(directory, "sdk.txt");
  const theirs = new ZohoFileStore(path);
  for (const user of ["ada", "bob"]) {
    const signature = new UserSignature(user);
    const [refresh, access] = [`refresh of ${user}`, `access of ${user}`];
    const token = new OAuthToken("c", "s", null, refresh, null, null, access, signature);
    token.setExpiresIn("1900000000123");
    await theirs.saveToken(token);
  }
  expect(await importTokens(store, fromZohoFile(path))).toEqual({ saved: 2, unchanged: 0, problems: [] });
  expect(await tokens()).toMatchObject([
    { id: "1", userSignature: { name: "ada" }, refreshToken: "refresh of ada", expiresAt: 1900000000123 },
    { id: "2", userSignature: { name: "bob" }, accessToken: "access of bob" },
  ]);
});

it("may run at every start: what was refreshed since stays", async () => {
  await importTokens(store, fromZohoTable([ROW]));
  await store.saveToken({ userSignature: { name: "ada" }, accessToken: "newer", expiresAt: 2000 });
  const before = await tokens();
  expect(before).toHaveLength(1);
  const report = await importTokens(store, fromZohoTable([ROW]));
  expect(report).toEqual({ saved: 0, unchanged: 1, problems: [] });
  expect((await tokens())[0]?.toPlain()).toEqual(before[0]?.toPlain());
});

it("never brings a deleted token back, but takes a later login and other users", async () => {
  await importTokens(store, fromZohoTable([ROW, { user_name: "bob", client_id: "c", refresh_token: "b" }]));
  for (const { id } of await tokens()) await store.deleteToken(id!);
  const refreshed = { ...ROW, access_token: "a2", expiry_time: "9000" };
  expect(await importTokens(store, fromZohoTable([ROW, refreshed]))).toMatchObject({ saved: 0 });
  expect(await tokens()).toEqual([]);

  const login = { ...ROW, refresh_token: "r2" };
  const carol = { user_name: "carol", client_id: "c", refresh_token: "x" };
  expect(await importTokens(store, fromZohoTable([ROW, login, carol]))).toMatchObject({ saved: 2 });
  expect((await tokens()).map(({ refreshToken }) => refreshToken).sort()).toEqual(["r2", "x"]);
});

it("remembers what was imported although everything was pruned", async () => {
  await importTokens(store, fromZohoTable([ROW]));
  await sleep(5);
  expect(await pruneTokens(store, { idleMs: 0, ageMs: 0, expired: true })).toMatchObject({ removed: 1 });
  expect(await importTokens(store, fromZohoTable([ROW]))).toMatchObject({ saved: 0, unchanged: 1 });
  expect(await tokens()).toEqual([]);
});

it("imports each token once, however many imports run at the same time", async () => {
  const rows = Array.from({ length: 250 }, (_, i) => ({
    ...ROW,
    user_name: `u${i}`,
    refresh_token: `r${i}`,
    access_token: null,
  }));
  const reports = await Promise.all(
    Array.from({ length: 8 }, () => importTokens(store, fromZohoTable(rows))),
  );
  expect(reports.map(({ saved }) => saved).sort((a, b) => b - a)).toEqual([250, 0, 0, 0, 0, 0, 0, 0]);
  expect(await tokens()).toHaveLength(250);
  expect((await tokens()).every(({ revision }) => revision === 1)).toBe(true);
});

it("goes on where an import ended early", async () => {
  const rows = Array.from({ length: 250 }, (_, i) => ({
    user_name: `u${i}`,
    client_id: "c",
    refresh_token: `r${i}`,
  }));
  const save = store.saveToken.bind(store);
  let count = 0;
  store.saveToken = async (...args) => {
    if (++count > 150) throw new Error("the process ends here");
    return save(...args);
  };
  await expect(importTokens(store, fromZohoTable(rows))).rejects.toThrowError("ends here");
  store.saveToken = save;
  // one that the first import has saved and remembered
  await store.deleteToken((await store.findToken({ refreshToken: "r0" }))?.id ?? "");
  expect(await importTokens(store, fromZohoTable(rows))).toMatchObject({ problems: [] });
  const users = (await tokens()).map(({ userSignature }) => userSignature?.name);
  expect(users.sort()).toEqual(
    rows
      .slice(1)
      .map((row) => row.user_name)
      .sort(),
  );
});

it("tells of each record, waits, stops between two at a signal, and goes on when it is run again", async () => {
  const rows = Array.from({ length: 250 }, (_, i) => ({
    user_name: `u${i}`,
    client_id: "c",
    refresh_token: `r${i}`,
  }));
  const stop = new AbortController();
  const told: (string | null)[] = [];
  let isWaitedFor = true;
  const stopped = importTokens(store, fromZohoTable(rows), {
    signal: stop.signal,
    onImport: async (record) => {
      expect(isWaitedFor).toBe(true);
      isWaitedFor = false;
      expect((await store.findTokenById(record.id!))?.savedAt).toBe(record.savedAt);
      if (told.push(record.refreshToken) === 120) stop.abort(new Error("enough"));
      isWaitedFor = true;
    },
  });
  await expect(stopped).rejects.toThrowError("enough");
  expect(told).toEqual(rows.slice(0, 120).map((row) => row.refresh_token));
  // The last one before the stop is remembered too, so once it is deleted it does not come back.
  await store.deleteToken((await store.findToken({ refreshToken: "r119" }))?.id ?? "");
  const onImport = (record: { refreshToken: string | null }) => void told.push(record.refreshToken);
  expect(await importTokens(store, fromZohoTable(rows), { onImport })).toMatchObject({ saved: 130 });
  expect(told).toEqual(rows.map((row) => row.refresh_token));
});

it("rehearses with dryRun: the report of an import, and nothing changed", async () => {
  await importTokens(store, fromZohoTable([ROW, { user_name: "gone", client_id: "c", refresh_token: "g" }]));
  await store.deleteToken((await store.findToken({ refreshToken: "g" }))?.id ?? "");
  await store.saveToken({ userSignature: { name: "eve" }, clientId: "c", refreshToken: "of a login" });
  const rows = [
    ROW,
    { user_name: "gone", client_id: "c", refresh_token: "g" },
    { user_name: "eve", client_id: "c", refresh_token: "older" },
    { user_name: "new", client_id: "c", refresh_token: "n" },
  ];
  const before = (await store.getTokens()).map((token) => token.toPlain());
  const told: (string | null)[] = [];
  const onImport = (record: { refreshToken: string | null }) => void told.push(record.refreshToken);
  const rehearsed = await importTokens(store, fromZohoTable(rows), { dryRun: true, onImport });
  expect(told).toEqual(["n"]);
  expect((await store.getTokens()).map((token) => token.toPlain())).toEqual(before);
  expect(rehearsed).toMatchObject({ saved: 1, unchanged: 2, problems: [{ where: "row 3" }] });
  expect(await importTokens(store, fromZohoTable(rows))).toEqual(rehearsed);
});

it("remembers more rows than one record can hold", async () => {
  const rows = Array.from({ length: 5_500 }, (_, i) => ({
    user_name: `u${i}`,
    client_id: "c",
    refresh_token: `r${i}`,
  }));
  expect(await importTokens(store, fromZohoTable(rows))).toMatchObject({ saved: 5_500, problems: [] });
  await store.deleteToken((await store.findToken({ refreshToken: "r5499" }))?.id ?? "");
  await store.deleteToken((await store.findToken({ refreshToken: "r0" }))?.id ?? "");
  expect(await importTokens(store, fromZohoTable(rows))).toMatchObject({ saved: 0, unchanged: 5_500 });
});

it("takes what is newer than the store's, and what the store lacks", async () => {
  await store.saveToken({ userSignature: { name: "ada" }, accessToken: "old", expiresAt: 1000, scope: "s" });
  const row = { ...ROW, access_token: "new", expiry_time: "2000" };
  expect(await importTokens(store, fromZohoTable([row]))).toMatchObject({ saved: 1 });
  expect(await tokens()).toMatchObject([
    { clientId: "c", refreshToken: "r", accessToken: "new", expiresAt: 2000, scope: "s", revision: 2 },
  ]);
});

it("never replaces a login that the store has, and says so once", async () => {
  await store.saveToken({
    userSignature: { name: "ada" },
    clientId: "c",
    refreshToken: "new login",
    id: "n",
  });
  const later = { ...ROW, expiry_time: String(Date.now() + 1e9) };
  const report = await importTokens(store, fromZohoTable([later]));
  expect(report).toMatchObject({
    saved: 0,
    problems: [{ where: "row 1", reason: expect.stringContaining('"n"') }],
  });
  expect(await tokens()).toMatchObject([{ refreshToken: "new login", accessToken: null, revision: 1 }]);
  await store.deleteToken("n");
  expect(await importTokens(store, fromZohoTable([later]))).toMatchObject({ saved: 0, problems: [] });
});

it("reports what can't be read and what the store can't take, and imports the rest", async () => {
  const path = join(directory, "broken.txt");
  await writeFile(path, `${HEADER}\n1,ada,c,s,SECRET,,,,\n2,b,o,b,c,s,SECRET,,,,\n3,eve,c,s,r3,,,,`);
  await store.saveToken({ id: "z", userSignature: { name: "zoe" }, refreshToken: "SECRET" });
  const report = await importTokens(store, fromZohoFile(path));
  expect(report.saved).toBe(1);
  expect(report.problems.map(({ where }) => where)).toEqual(["line 3", "line 2"]);
  expect(JSON.stringify(report)).not.toContain("SECRET");
  expect((await tokens()).map(({ id }) => id)).toEqual(["z", "3"]);
  // once nobody else has its value any more, the row is imported after all
  await store.deleteToken("z");
  expect(await importTokens(store, fromZohoFile(path))).toMatchObject({
    saved: 1,
    problems: [{ where: "line 3" }],
  });
});

it("gives a row another id where the store's record of that id is another user's", async () => {
  await store.saveToken({ id: "1", userSignature: { name: "zoe" }, refreshToken: "z" });
  await importTokens(store, fromZohoTable([{ ...ROW, id: "1" }]));
  expect(await store.findTokenById("1")).toMatchObject({ refreshToken: "z", revision: 1 });
  expect((await store.findToken({ userSignature: { name: "ada" } }))?.id).not.toBe("1");
});

it("says what is wrong with a path or a file", async () => {
  await expect(fromZohoFile(join(directory, "missing.txt"))).rejects.toMatchObject({
    name: "TokenStoreError",
    code: "ERR_UNAVAILABLE",
    retryable: false,
  });
  const other = join(directory, "other.txt");
  await writeFile(other, "SECRET\n");
  await expect(fromZohoFile(other)).rejects.toMatchObject({ code: "ERR_CORRUPT" });
  await expect(fromZohoFile(other)).rejects.not.toThrowError(/SECRET/);
  const database = join(directory, "zohooauth.db");
  await writeFile(database, "SQLite format 3\0…");
  await expect(fromZohoFile(database)).rejects.toMatchObject({
    code: "ERR_INVALID_OPTIONS",
    message: expect.stringContaining("fromZohoSqlite"),
  });
});

it.each([undefined, null, "", 7])(
  "refuses %s as a path, and asks about the environment variable",
  async (path) => {
    await expect(fromZohoFile(path as never)).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
      message: expect.stringContaining("environment variable"),
    });
  },
);

it("refuses what are no rows", () => {
  for (const rows of [undefined, "rows", {}]) {
    expect(() => fromZohoTable(rows as never)).toThrowError(
      expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }),
    );
  }
});
