import { readFile } from "node:fs/promises";
import { type PostgresTokenStore, postgresSchema } from "@tokenkeep/postgres";
import { describeOnServer } from "@tokenkeep/test-servers";
import pg from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { freshName, open, sql, until, urlWith } from "./support.js";

await describeOnServer("postgres", ({ url }) => {
  const schema = freshName();
  afterEach(() => sql(url, `DROP SCHEMA IF EXISTS ${schema} CASCADE`));

  describe("the schema", () => {
    it("is in the first schema of the search path unless it is named", async () => {
      const database = freshName();
      await sql(url, `CREATE DATABASE ${database}`);
      await using store = open({ url: urlWith(url, { pathname: `/${database}` }) });
      await useAll(store);
      await store.close();
      const there = urlWith(url, { pathname: `/${database}` });
      expect(await sql(there, "SELECT to_regclass('public.tokenkeep') IS NOT NULL AS x")).toEqual([
        { x: true },
      ]);
      await sql(url, `DROP DATABASE ${database} WITH (FORCE)`);
    });

    it("may have any name", async () => {
      for (const name of ['quo"te', "ta ble", "täble€", "SELECT", "x'; DROP TABLE y; --", "a".repeat(63)]) {
        await using store = open({ url, schema: name });
        await useAll(store);
        await store.close();
        await sql(url, `DROP SCHEMA "${name.replaceAll('"', '""')}" CASCADE`);
      }
    });

    it("is asked for with the SQL where the store may not create it", async () => {
      for (const options of [{ createTables: false }, { open: "existing" }] as const) {
        await using store = open({ url, schema, ...options });
        const error = await store.findTokenById("1").catch((thrown) => thrown);
        expect(error).toMatchObject({ code: "ERR_SCHEMA", retryable: false });
        for (const statement of postgresSchema({ schema })) expect(error.message).toContain(statement);
      }
      expect(await sql(url, `SELECT to_regnamespace('${schema}') AS x`)).toEqual([{ x: null }]);
    });

    it("is what the README's SQL creates, and needs no more than the README's privileges then", async () => {
      const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
      const [, ddl = ""] = /```sql\n(CREATE TABLE.+?)```/s.exec(readme) ?? [];
      expect(
        ddl
          .trim()
          .split(/;\n+|;$/)
          .filter(Boolean),
      ).toEqual(postgresSchema());
      const user = await freshUser();
      await sql(url, `CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${ddl}`);
      await sql(
        url,
        `GRANT USAGE ON SCHEMA ${schema} TO ${user.name};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.tokenkeep, ${schema}.tokenkeep_locks TO ${user.name}`,
      );
      for (const options of [{ createTables: false }, { open: "existing" }, {}] as const) {
        await using store = open({ url: user.url, schema, ...options });
        await useAll(store);
      }
      await dropUser(user.name);
    });

    it("is created with the README's privileges", async () => {
      const user = await freshUser();
      await sql(url, `CREATE SCHEMA ${schema}; GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${user.name}`);
      await using store = open({ url: user.url, schema });
      await useAll(store);
      await store.close();
      await dropUser(user.name);
    });

    it("is refused where the user may not create it", async () => {
      const user = await freshUser();
      await using store = open({ url: user.url, schema });
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_PERMISSION",
        retryable: false,
        message: expect.stringContaining("README"),
      });
      await dropUser(user.name);
    });

    it("is left as it is where it is newer, or not ours", async () => {
      await sql(url, `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.tokenkeep (x int)`);
      for (const [comment, hint] of [
        ["NULL", /not tokenkeep's/],
        ["'tokenkeep schema 999'", /Update @tokenkeep\/postgres/],
      ] as const) {
        await sql(url, `COMMENT ON TABLE ${schema}.tokenkeep IS ${comment}`);
        await using store = open({ url, schema });
        await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({
          code: "ERR_SCHEMA",
          message: expect.stringMatching(hint),
        });
      }
      expect(await sql(url, `SELECT * FROM ${schema}.tokenkeep`)).toEqual([]);
    });

    it("is recognised where it is created during the lookup", async () => {
      const key = 4711;
      const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = ${key} AND NOT granted`;
      const holder = new pg.Client(url);
      await holder.connect();
      await holder.query(`SELECT pg_advisory_lock(${key})`);
      const pool = new pg.Pool({ connectionString: url, max: 1 });
      pool.on("connect", (client) => {
        const query = client.query.bind(client) as (given: unknown) => Promise<unknown>;
        // The first statement: it has its snapshot, and waits.
        client.query = ((given: pg.QueryConfig) => {
          client.query = query as typeof client.query;
          return query({
            ...given,
            text: `${given.text} FROM (SELECT pg_advisory_xact_lock(${key}) OFFSET 0)`,
          });
        }) as typeof client.query;
      });
      await using store = open({ pool, schema });
      const found = store.findTokenById("1");
      await until(async () => (await sql(url, waiting)).length === 1);
      await using other = open({ url, schema });
      await other.saveToken({ id: "1", refreshToken: "r" });
      await holder.end();
      expect(await found).toMatchObject({ refreshToken: "r" });
      await store.close();
      await pool.end();
    });

    it("needs a database in UTF8", async () => {
      const database = freshName();
      await sql(url, `CREATE DATABASE ${database} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
      const there = urlWith(url, { pathname: `/${database}` });
      await using store = open({ url: there });
      await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({
        code: "ERR_SCHEMA",
        message: expect.stringContaining("UTF8"),
      });
      await store.close();
      await sql(url, `DROP DATABASE ${database}`);
    });
  });

  async function freshUser(): Promise<{ name: string; url: string }> {
    const name = freshName();
    await sql(url, `CREATE USER ${name} PASSWORD 'user-password'`);
    return { name, url: urlWith(url, { username: name, password: "user-password" }) };
  }

  async function dropUser(name: string): Promise<void> {
    await sql(url, `DROP OWNED BY ${name} CASCADE; DROP USER ${name}`);
  }
});

async function useAll(store: PostgresTokenStore): Promise<void> {
  const { id } = await store.saveToken({ userSignature: { name: "u" }, refreshToken: "r" });
  await store.saveToken({ refreshToken: "r", accessToken: "a" });
  expect(await store.getTokens()).toHaveLength(1);
  expect(await store.withLock("k", ({ fence }) => fence)).toBeGreaterThan(0);
  await store.deleteToken(id!);
  await store.deleteTokens();
}
