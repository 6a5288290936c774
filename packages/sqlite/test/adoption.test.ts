import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, it } from "vitest";

// the table of the sample that Zoho's users copied
const COLUMNS =
  "id, user_name, client_id, client_secret, refresh_token, access_token, grant_token, expiry_time, redirect_url, api_domain";
const ROWS = [
  ["1", "ann", "app", "s", "r-ann", "a-old", null, "1000", "https://x", "https://api"],
  ["2", "bob", "app", "s", "r-bob", "a-bob", "g-bob", "1500", null, null],
  ["3", "ann", "app", "s", null, "a-new", "g-ann", "2000", "https://x", null], // the same user once more
  ["4", "cat", "app", "s", "r-bob", "a-cat", null, "1", null, null], // another user with bob's refresh token
  ["5", "dan", null, null, "r-dan", "a-dan", null, "soon", null, null], // no time
];

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tokenkeep-adoption-"));
  path = join(folder, "zohooauth.db");
  const database = new Database(path);
  database.exec(`CREATE TABLE oauthtoken (${COLUMNS.replaceAll(",", " TEXT,")} TEXT)`);
  const insert = database.prepare(`INSERT INTO oauthtoken VALUES (${ROWS[0]!.map(() => "?").join(", ")})`);
  for (const row of ROWS) insert.run(...row);
  database.close();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("brings the records of Zoho's sample over, joined, and tells what could not be", async () => {
  const store = new SqliteTokenStore(path);
  const ann = await store.findToken({ userSignature: { name: "ann" }, clientId: "app" });
  expect(ann?.toPlain()).toEqual({
    id: "1",
    userSignature: { name: "ann" },
    clientId: "app",
    clientSecret: "s",
    refreshToken: "r-ann",
    accessToken: "a-new",
    grantToken: "g-ann",
    expiresAt: 2000,
    redirectUrl: "https://x",
    apiDomain: "https://api",
    revision: 1,
  });
  expect((await store.getTokens()).map(({ id }) => id)).toEqual(["1", "2"]);
  const report = await store.adoption();
  expect(report).toMatchObject({ rows: 5, records: 2 });
  expect(report?.problems.map(({ where }) => where)).toEqual(
    expect.arrayContaining([expect.stringContaining("4"), expect.stringContaining("5")]),
  );
  expect(JSON.stringify(report)).not.toContain("r-bob");
  await store.close();
});

it("does it once, also where several open the file at once, and keeps the original", async () => {
  const stores = Array.from({ length: 5 }, () => new SqliteTokenStore(path));
  await Promise.all(stores.map((store) => store.adoption()));
  await stores[0]!.deleteToken("2");
  await Promise.all(stores.map((store) => store.close()));
  const again = new SqliteTokenStore(path);
  expect((await again.getTokens()).map(({ id }) => id)).toEqual(["1"]);
  await again.close();
  const database = new Database(path);
  expect(database.prepare("SELECT * FROM oauthtoken ORDER BY rowid").raw().all()).toEqual(ROWS);
  database.close();
});

it("leaves the table of a larger database alone, unless told to adopt it", async () => {
  const database = new Database(path);
  database.exec("CREATE TABLE customers (name TEXT)");
  const without = new SqliteTokenStore({ database });
  expect(await without.getTokens()).toEqual([]);
  expect(await without.adoption()).toBeNull();
  await without.close();
  const adopting = new SqliteTokenStore({ database, adopt: true });
  expect(await adopting.adoption()).toMatchObject({ records: 2 });
  await adopting.close();
  database.close();
});
