import { PostgresTokenStore, type PostgresTokenStoreOptions, postgresSchema } from "@tokenkeep/postgres";
import { drizzle } from "drizzle-orm/node-postgres";
import knex from "knex";
import pg from "pg";
import { describe, expect, it } from "vitest";

const url = "postgres://app:pw-secret@localhost/app";

function refusal(options: unknown): Error & { code?: string } {
  try {
    new PostgresTokenStore(options as PostgresTokenStoreOptions);
  } catch (error) {
    return error as Error & { code?: string };
  }
  throw new Error("the options were accepted");
}

describe("options that are refused", () => {
  const pool = new pg.Pool({ connectionString: url });
  const client = new pg.Client(url);
  const cases: [string, unknown, RegExp][] = [
    ["an unset variable", undefined, /undefined.*environment variable/],
    ["an unset variable as url", { url: undefined }, /url is undefined.*environment variable/],
    ["null", null, /must be an object/],
    ["a number as url", { url: 5432 }, /postgres:\/\//],
    ["another protocol", "mysql://app@localhost/app", /postgres:\/\//],
    ["a password with a slash", "postgres://app:pw/secret@localhost/app", /[Pp]ercent-encode/],
    [
      "a password with a number and a slash",
      "postgres://app:12/pw-secret@localhost/app",
      /[Pp]ercent-encode/,
    ],
    ["a password with a question mark", "postgres://app:12?pw-secret@localhost/app", /[Pp]ercent-encode/],
    ["a stray percent sign", "postgres://app:pw%secret@localhost/app", /%25/],
    ["a parameter of others", `${url}?ssl-mode=require`, /"ssl-mode"/],
    ["a parameter of others, for the schema", `${url}?schema=app`, /"schema"/],
    ["neither url nor pool", {}, /url is undefined/],
    ["both", { url, pool }, /not both/],
    ["a pool and clientOptions", { pool, clientOptions: {} }, /not both/],
    ["a single client", { pool: client }, /single connection/],
    ["a knex handle", { pool: knex({ client: "pg", connection: url }) }, /knex/],
    ["a drizzle handle", { pool: drizzle(pool) }, /drizzle/],
    ["clientOptions that are no object", { url, clientOptions: 5 }, /clientOptions/],
    ["a host in clientOptions", { url, clientOptions: { host: "other" } }, /host/],
    ["TLS in both", { url: `${url}?sslmode=verify-full`, clientOptions: { ssl: { ca: "" } } }, /TLS/],
    ["an empty schema", { url, schema: "" }, /schema/],
    ["a schema that would be truncated", { url, schema: "é".repeat(32) }, /63 bytes/],
    ["prepare that is no boolean", { url, prepare: 1 }, /prepare/],
    ["createTables that is no boolean", { url, createTables: "no" }, /createTables/],
    ["a name with a typing mistake", { url, creatTables: false }, /"creatTables"/],
    ["open of another kind", { url, open: "never" }, /open/],
  ];
  it.each(cases)("%s", (_name, options, message) => {
    const error = refusal(options);
    expect(error).toMatchObject({ name: "TokenStoreError", code: "ERR_INVALID_OPTIONS" });
    expect(error.message).toMatch(message);
    expect(`${error.stack}`).not.toMatch(/pw.?secret/);
  });

  it("a schema that can't be one, in postgresSchema too", () => {
    expect(() => postgresSchema({ schema: "a\0b" })).toThrow(/schema/);
  });
});

it("a store that was never used closes at once, and shows no password", async () => {
  const store = new PostgresTokenStore(url);
  expect(`${store} ${JSON.stringify(store)}`).not.toContain("pw-secret");
  await store.close();
});

it("clientOptions that pg refuses end the first call", async () => {
  await using store = new PostgresTokenStore(`${url}?port=70000`);
  await expect(store.findTokenById("1")).rejects.toMatchObject({
    code: "ERR_INVALID_OPTIONS",
    retryable: false,
  });
});
