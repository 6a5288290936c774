import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { OAuthToken, UserSignature, FileStore as ZohoFileStore } from "@zohocrm/typescript-sdk-8.0";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fromZohoFile, fromZohoTable, importTokens } from "../src/index.js";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tokenkeep-import-"));
});
afterAll(() => rm(directory, { recursive: true }));

it("reads a file that the SDK itself has written, and brings it into a store", async () => {
  const path = join(directory, "sdk.txt");
  const theirs = new ZohoFileStore(path);
  for (const user of ["ada", "bob"]) {
    const signature = new UserSignature(user);
    const token = new OAuthToken(
      "c",
      "s",
      null,
      `refresh of ${user}`,
      null,
      null,
      `access of ${user}`,
      signature,
    );
    token.setExpiresIn("1900000000123");
    await theirs.saveToken(token);
  }
  const read = await fromZohoFile(path);
  expect(read.problems).toEqual([]);
  const store = new MemoryTokenStore();
  expect(await importTokens(store, read)).toEqual({ saved: 2, unchanged: 0, problems: [] });
  expect(await store.getTokens()).toMatchObject([
    { id: "1", userSignature: { name: "ada" }, refreshToken: "refresh of ada", expiresAt: 1900000000123 },
    { id: "2", userSignature: { name: "bob" }, accessToken: "access of bob" },
  ]);
});

it("does no harm when it is run again, also after the program has refreshed", async () => {
  const store = new MemoryTokenStore();
  const rows = [
    {
      id: null,
      user_name: "ada",
      client_id: "c",
      refresh_token: "r",
      access_token: "a",
      expiry_time: "1000",
    },
  ];
  await importTokens(store, fromZohoTable(rows));
  await importTokens(store, fromZohoTable(rows));
  await store.saveToken({ userSignature: { name: "ada" }, accessToken: "newer", expiresAt: 2000 });
  const before = await store.getTokens();
  expect(before).toHaveLength(1);
  const report = await importTokens(store, fromZohoTable(rows));
  expect(report).toEqual({ saved: 0, unchanged: 1, problems: [] });
  expect((await store.getTokens())[0]?.toPlain()).toEqual(before[0]?.toPlain());
});

it("takes what is newer than the store's, and what the store lacks", async () => {
  const store = new MemoryTokenStore();
  await store.saveToken({ userSignature: { name: "ada" }, accessToken: "old", expiresAt: 1000 });
  const row = {
    user_name: "ada",
    client_id: "c",
    refresh_token: "r",
    access_token: "new",
    expiry_time: "2000",
  };
  expect(await importTokens(store, fromZohoTable([row]))).toMatchObject({ saved: 1 });
  expect(await store.getTokens()).toMatchObject([
    { clientId: "c", refreshToken: "r", accessToken: "new", expiresAt: 2000, revision: 2 },
  ]);
});

it("reports what can't be read and what the store can't take, and brings the rest over", async () => {
  const path = join(directory, "broken.txt");
  const header =
    "id,user_mail,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url";
  await writeFile(path, `${header}\n1,ada,c,s,SECRET,,,,\n2,b,o,b,c,s,SECRET,,,,\n3,eve,c,s,r3,,,,`);
  const store = new MemoryTokenStore();
  await store.saveToken({ id: "1", userSignature: { name: "zoe" }, refreshToken: "z" });
  const report = await importTokens(store, await fromZohoFile(path));
  expect(report.saved).toBe(1);
  expect(report.problems.map(({ where }) => where)).toEqual(["line 3", 'the token of "ada" (id "1")']);
  expect(JSON.stringify(report)).not.toContain("SECRET");
  expect((await store.getTokens()).map(({ id }) => id)).toEqual(["1", "3"]);
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
});
