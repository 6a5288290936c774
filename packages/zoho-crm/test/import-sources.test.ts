// Tables of real databases, and many processes that import at the same time.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MemoryTokenStore } from "@tokenkeep/memory";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { SqliteTokenStore } from "@tokenkeep/sqlite";
import { describeOnServer } from "@tokenkeep/test-servers";
import Database from "better-sqlite3";
import mysql from "mysql2";
import mysqlPromise from "mysql2/promise";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fromZohoMysql, fromZohoSqlite, importTokens } from "../src/index.js";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tokenkeep-sources-"));
});
afterAll(() => rm(directory, { recursive: true }));

const COLUMNS =
  "id,user_name,client_id,client_secret,refresh_token,access_token,grant_token,expiry_time,redirect_url,api_domain";
const VALUES: (string | null)[][] = [
  ["1", "Jürgen 日本 😀", "c", "s", "r1", "a1", "null", "1700000000000", null, "https://www.zohoapis.eu"],
  ["2", "bob", "c", "s", "r2", null, null, null, null, null],
  ["9", "junk", "c", "s", null, null, null, null, null, null],
  ["10", "Jürgen 日本 😀", "c", "s", "r10", "a10", null, "1700000009000", null, null],
];
const TOKENS = [
  {
    id: "1",
    userSignature: { name: "Jürgen 日本 😀" },
    refreshToken: "r10",
    accessToken: "a10",
    grantToken: null,
  },
  { id: "2", userSignature: { name: "bob" }, refreshToken: "r2", expiresAt: null },
];
const PROBLEMS = [{ where: 'row 3 (id "9")', reason: expect.stringContaining("no refresh token") }];
const CLIENT = { clientId: "1000.C", clientSecret: "s" };

describe("fromZohoSqlite", () => {
  let database: Database.Database;
  beforeEach(() => {
    database = new Database(":memory:");
  });

  function fill(): void {
    database.exec(`CREATE TABLE oauthtoken (${COLUMNS.split(",").join(" TEXT, ")} TEXT)`);
    const insert = database.prepare(`INSERT INTO oauthtoken VALUES (${VALUES[0]?.map(() => "?").join()})`);
    for (const row of VALUES) insert.run(...row);
  }

  it("reads Zoho's sample, with better-sqlite3", () => {
    fill();
    const { tokens, problems } = fromZohoSqlite(database);
    expect(tokens).toMatchObject(TOKENS);
    expect(problems).toEqual(PROBLEMS);
  });

  it.skipIf(!process.getBuiltinModule?.("node:sqlite"))("reads it with node:sqlite", async () => {
    const path = join(directory, "zohooauth.db");
    fill();
    await database.backup(path);
    const { DatabaseSync } = await import("node:sqlite" as string);
    expect(fromZohoSqlite(new DatabaseSync(path)).tokens).toMatchObject(TOKENS);
  });

  it("reads the database that holds the store's own tables, too", async () => {
    const path = join(directory, "both.db");
    fill();
    await database.backup(path);
    const theirs = new Database(path);
    await using store = new SqliteTokenStore({ database: theirs });
    expect(await importTokens(store, fromZohoSqlite(theirs))).toMatchObject({ saved: 2, problems: PROBLEMS });
    expect(await importTokens(store, fromZohoSqlite(theirs))).toMatchObject({ saved: 0, unchanged: 2 });
  });

  it("reads the table of the SDKs before 2020, and asks for its client", () => {
    database.exec(
      "CREATE TABLE OAuthTokens (useridentifier TEXT, accesstoken TEXT, refreshtoken TEXT, expirytime INTEGER)",
    );
    database.exec("INSERT INTO OAuthTokens VALUES ('ann@example.com', 'a', 'r', 1500000000000)");
    expect(() => fromZohoSqlite(database)).toThrowError(
      expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }),
    );
    expect(fromZohoSqlite(database, CLIENT).tokens).toMatchObject([
      { ...CLIENT, userSignature: { name: "ann@example.com" }, refreshToken: "r", expiresAt: 1500000000000 },
    ]);
  });

  it("says what is missing", () => {
    const refused = (message: string) =>
      expect.objectContaining({ code: "ERR_INVALID_OPTIONS", message: expect.stringContaining(message) });
    expect(() => fromZohoSqlite(database)).toThrowError(refused('"oauthtoken" and no table "oauthtokens"'));
    expect(() => fromZohoSqlite(database, { table: "mine" })).toThrowError(refused('no table "mine"'));
    expect(() => fromZohoSqlite("zohooauth.db" as never)).toThrowError(refused("not its path"));
    expect(() => fromZohoSqlite(database, { tabel: "x" } as never)).toThrowError(refused("tabel"));
  });
});

it("imports each row once, in many processes that start at the same moment", async () => {
  const file = join(directory, "sdk.txt");
  const rows = Array.from({ length: 150 }, (_, i) => `${i},user ${i},c,s,r${i},a${i},,,,`);
  await writeFile(file, `${COLUMNS}\n${rows.join("\n")}`);
  const path = join(directory, "processes.db");
  const program = fileURLToPath(new URL("./import.mjs", import.meta.url));
  const reports = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [program, file, path]);
      return JSON.parse(stdout);
    }),
  );
  expect(reports.map(({ saved }) => saved).sort((a, b) => b - a)).toEqual([150, 0, 0, 0, 0, 0]);
  await using store = new SqliteTokenStore(path);
  const tokens = (await store.getTokens()).filter(({ refreshToken }) => refreshToken !== null);
  expect(tokens.map(({ revision }) => revision)).toEqual(Array(150).fill(1));
});

await describeOnServer("mysql", ({ url }) => {
  const database = `zoho_${process.pid}`;
  const own = new URL(url);
  own.pathname = `/${database}`;
  let pool: mysqlPromise.Pool;
  beforeAll(async () => {
    const admin = await mysqlPromise.createConnection(url);
    await admin.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    await admin.end();
    pool = mysqlPromise.createPool(own.href);
    // as Zoho's SDKs ask for it
    const columns = COLUMNS.split(",").map((name) => {
      return `${name} varchar(${name === "id" ? "10) NOT NULL" : name === "expiry_time" ? "20)" : "255)"}`;
    });
    await pool.query(`CREATE TABLE oauthtoken (${columns.join(", ")}, PRIMARY KEY (id))`);
    await pool.query("INSERT INTO oauthtoken VALUES ?", [VALUES]);
  });
  afterAll(async () => {
    await pool.query(`DROP DATABASE ${database}`);
    await pool.end();
  });

  it("reads the SDKs' table in the order of its ids, through a pool, a connection, with promises and callbacks", async () => {
    const callbacks = mysql.createPool(own.href);
    const connection = await mysqlPromise.createConnection(own.href);
    for (const client of [pool, callbacks, connection]) {
      const { tokens, problems } = await fromZohoMysql(client);
      expect(tokens).toMatchObject(TOKENS);
      expect(problems).toEqual(PROBLEMS);
    }
    await connection.end();
    callbacks.end();
  });

  it("reads every name whole, whatever the character set and the form of the pool's answers", async () => {
    const odd = mysqlPromise.createPool({ uri: own.href, charset: "latin1", rowsAsArray: true });
    expect((await fromZohoMysql(odd)).tokens).toMatchObject(TOKENS);
    await odd.end();
  });

  it("imports into the store in the same database", async () => {
    await using store = new MysqlTokenStore({ url: own.href });
    expect(await importTokens(store, fromZohoMysql(pool))).toMatchObject({ saved: 2, problems: PROBLEMS });
    expect(await importTokens(store, fromZohoMysql(pool))).toMatchObject({ saved: 0, unchanged: 2 });
  });

  it("reads the table of the SDKs before 2020", async () => {
    await pool.query(
      "CREATE TABLE oauthtokens (useridentifier varchar(100), accesstoken varchar(100), refreshtoken varchar(100), expirytime bigint)",
    );
    await pool.query("INSERT INTO oauthtokens VALUES ('ann@example.com', 'a', 'r', 1500000000000)");
    const { tokens } = await fromZohoMysql(pool, CLIENT);
    await pool.query("DROP TABLE oauthtokens");
    const old = tokens.find(({ refreshToken }) => refreshToken === "r");
    expect(old).toMatchObject({
      ...CLIENT,
      userSignature: { name: "ann@example.com" },
      expiresAt: 1500000000000,
    });
    expect(await importTokens(new MemoryTokenStore(), fromZohoMysql(pool))).toMatchObject({ saved: 2 });
  });

  it("says what is missing, and what is not allowed", async () => {
    await expect(fromZohoMysql(pool, { table: "mine" })).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
      message: expect.stringContaining('no table "mine"'),
    });
    await expect(fromZohoMysql({} as never)).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    await pool.query("CREATE USER IF NOT EXISTS 'reader'@'%' IDENTIFIED BY 'reader'");
    await pool.query(`GRANT CREATE ON ${database}.* TO 'reader'@'%'`);
    const denied = mysqlPromise.createPool({ uri: own.href, user: "reader", password: "reader" });
    await expect(fromZohoMysql(denied)).rejects.toMatchObject({ code: "ERR_PERMISSION" });
    await pool.query(`REVOKE ALL PRIVILEGES ON ${database}.* FROM 'reader'@'%'`);
    await pool.query(`GRANT SELECT ON ${database}.oauthtoken TO 'reader'@'%'`);
    expect((await fromZohoMysql(denied)).tokens).toHaveLength(2);
    await denied.end();
    await pool.query("DROP USER 'reader'@'%'");
  });
});
