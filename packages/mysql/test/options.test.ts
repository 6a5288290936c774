import { MysqlTokenStore, type MysqlTokenStoreOptions, mysqlSchema } from "@tokenkeep/mysql";
import { drizzle } from "drizzle-orm/mysql2";
import knex from "knex";
import { createPool as createCallbackPool } from "mysql2";
import { createPool } from "mysql2/promise";
import { describe, expect, it } from "vitest";

const url = "mysql://app:pw-secret@localhost/app";

function refusal(options: unknown): Error & { code?: string } {
  try {
    new MysqlTokenStore(options as MysqlTokenStoreOptions);
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error("the options were accepted");
}

describe("options that are refused", () => {
  const pool = createPool(url);
  const connection = { execute: () => {}, query: () => {}, end: () => {} };
  const cases: [string, unknown, RegExp][] = [
    ["an unset variable", undefined, /undefined.*environment variable/],
    ["an unset variable as url", { url: undefined }, /url is undefined.*environment variable/],
    ["null", null, /must be an object/],
    ["a number as url", { url: 3306 }, /mysql:\/\//],
    ["another protocol", "postgres://app@localhost/app", /mysql:\/\//],
    ["a URL without a host", "mysql:///app", /no host/],
    ["a URL without a database", "mysql://app:pw-secret@localhost", /no database/],
    ["a password with a slash", "mysql://app:pw/secret@localhost/app", /[Pp]ercent-encode/],
    ["a password with a number and a slash", "mysql://app:12/pw-secret@localhost/app", /[Pp]ercent-encode/],
    ["a password with @ and a slash", "mysql://app:pw@secret/x@localhost/app", /[Pp]ercent-encode/],
    ["a password with a question mark", "mysql://app:12?pw-secret@localhost/app", /[Pp]ercent-encode/],
    ["a stray percent sign", "mysql://app:pw%secret@localhost/app", /%25/],
    ["a parameter of MySQL's own client", `${url}?ssl-mode=REQUIRED`, /"ssl-mode"/],
    ["a parameter of PostgreSQL", `${url}?sslmode=require`, /"sslmode"/],
    ["a parameter of JDBC", `${url}?useSSL=true`, /"useSSL"/],
    ["neither url nor pool", {}, /url is undefined/],
    ["both", { url, pool }, /not both/],
    ["a pool and clientOptions", { pool, clientOptions: {} }, /not both/],
    ["a single connection", { pool: connection }, /single connection/],
    ["a knex handle", { pool: knex({ client: "mysql2", connection: url }) }, /knex/],
    ["a drizzle handle", { pool: drizzle(pool) }, /drizzle/],
    ["null as pool", { pool: null }, /pool/],
    ["clientOptions that are no object", { url, clientOptions: 5 }, /clientOptions/],
    ["a password that is a number", { url, clientOptions: { password: 12345678 } }, /must be a string/],
    ["an empty table", { url, table: "" }, /table/],
    ["a table whose locks' name would be too long", { url, table: "x".repeat(59) }, /58/],
    ["a table with a space at its end", { url, table: "t " }, /space/],
    ["a table with an emoji", { url, table: "t😀" }, /U\+FFFF/],
    ["createTables that is no boolean", { url, createTables: "no" }, /createTables/],
    ["a name of before", { url, adopt: true }, /"adopt"/],
    ["an option of the driver outside of clientOptions", { url, connectionLimit: 5 }, /"connectionLimit"/],
  ];
  it.each(cases)("%s", (_name, options, message) => {
    const error = refusal(options);
    expect(error).toMatchObject({ name: "TokenStoreError", code: "ERR_INVALID_OPTIONS" });
    expect(error.message).toMatch(message);
    expect(`${error.stack}`).not.toMatch(/pw.?secret|12345678/);
  });

  it("a table's name that the server can't have, in mysqlSchema too", () => {
    expect(() => mysqlSchema({ table: "a\0" })).toThrow(/table/);
  });
});

it.each([
  ["ssl: true", { ssl: true }],
  ["an unknown charset", { charset: "klingon" }],
  ["an impossible port", { port: 70_000 }],
  ["a TLS profile that there is not", { ssl: "Nowhere" }],
])("what mysql2 refuses ends the first call, and shows no password: %s", async (_name, clientOptions) => {
  await using store = new MysqlTokenStore({
    url,
    clientOptions: { ...clientOptions, password: "pw-secret-2" } as NonNullable<
      MysqlTokenStoreOptions["clientOptions"]
    >,
  });
  const error = await store.findTokenById("1").catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "ERR_INVALID_OPTIONS", retryable: false });
  expect(`${error.stack} ${error.cause?.stack}`).not.toContain("pw-secret");
});

it("a store that was never used has no timer, also with maxIdle", async () => {
  const before = process.getActiveResourcesInfo().filter((type) => type === "Timeout").length;
  const store = new MysqlTokenStore({ url, clientOptions: { maxIdle: 1 } });
  expect(`${store} ${JSON.stringify(store)}`).not.toContain("pw-secret");
  await store.close();
  expect(process.getActiveResourcesInfo().filter((type) => type === "Timeout").length).toBe(before);
});

it("pools of both flavours are accepted", () => {
  const callback = createCallbackPool(url);
  for (const pool of [callback, callback.promise(), createPool(url)]) {
    expect(() => new MysqlTokenStore({ pool })).not.toThrow();
  }
});
