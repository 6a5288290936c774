import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { MysqlTokenStore, mysqlSchema } from "@tokenkeep/mysql";
import { afterEach, describe, expect, it } from "vitest";
import { describeOnBoth, freshTable, sql, urlWith } from "./support.js";

const run = promisify(execFile);

await describeOnBoth(({ url, name }) => {
  const server = name === "mysql" ? "mysql" : "mariadb";
  const table = freshTable();
  const drop = (of: string) => sql(url, "DROP TABLE IF EXISTS ??, ??", [of, `${of}_locks`]);
  afterEach(() => drop(table));
  const shape = async (of: string) =>
    String((await sql(url, "SHOW CREATE TABLE ??", [of]))[0]?.["Create Table"]).replaceAll(of, "T");

  describe("the schema", () => {
    it("is made once by twenty processes at the same moment", async () => {
      const code = `
        import { MysqlTokenStore } from "@tokenkeep/mysql";
        const [url, table, id] = process.argv.slice(1);
        const store = new MysqlTokenStore({ url, table, timeoutMs: 30_000 });
        await store.saveToken({ id, refreshToken: id });
        await store.close();`;
      const cwd = new URL("..", import.meta.url);
      const start = (_: unknown, i: number) =>
        run(process.execPath, ["--input-type=module", "-e", code, "--", url, table, `p${i}`], { cwd });
      await Promise.all(Array.from({ length: 20 }, start));
      await using store = new MysqlTokenStore({ url, table });
      expect(await store.getTokens()).toHaveLength(20);
    });

    it("is what the README's SQL makes, and needs no privilege to create then", async () => {
      const database = freshTable();
      await sql(url, `CREATE DATABASE ${database} CHARACTER SET latin1`);
      try {
        const there = urlWith(url, { pathname: `/${database}` });
        const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
        const [, text = ""] = /```sql\n(CREATE TABLE.+?)```/s.exec(readme) ?? [];
        // as the README says: on MariaDB, the other name of the collation
        const readmeSql =
          server === "mariadb" ? text.replaceAll("utf8mb4_0900_bin", "utf8mb4_nopad_bin") : text;
        const statements = readmeSql.split(/;\n+/).filter((statement) => statement.trim() !== "");
        expect(statements).toEqual(mysqlSchema({ server }));
        for (const statement of statements) await sql(there, statement);
        await using store = new MysqlTokenStore({ url, table });
        await store.findTokenById("1");
        for (const suffix of ["", "_locks"]) {
          const [byHand] = await sql(there, `SHOW CREATE TABLE tokenkeep${suffix}`);
          const shapeByHand = String(byHand?.["Create Table"]).replaceAll(`\`tokenkeep${suffix}\``, "`T`");
          expect(shapeByHand).toBe(await shape(`${table}${suffix}`));
        }
        const user = await userWith([
          `SELECT, INSERT, UPDATE, DELETE ON ${database}.tokenkeep`,
          `SELECT, INSERT, UPDATE, DELETE ON ${database}.tokenkeep_locks`,
        ]);
        await using poor = new MysqlTokenStore({
          url: urlWith(user, { pathname: `/${database}` }),
          createTable: false,
        });
        await useAll(poor);
      } finally {
        await sql(url, `DROP DATABASE ${database}`);
      }
    });

    it("needs CREATE to be made, and says so", async () => {
      const poor = new MysqlTokenStore({
        url: await userWith(["SELECT, INSERT, UPDATE, DELETE ON `tokenkeep`.*"]),
        table,
      });
      await expect(poor.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_PERMISSION",
        retryable: false,
      });
      await poor.close();
    });

    it("needs no more than the privileges that the README lists", async () => {
      const zoho = freshTable();
      await sql(
        url,
        `CREATE TABLE ${zoho} (id varchar(10), user_name varchar(255), refresh_token varchar(255))`,
      );
      await sql(url, `INSERT INTO ${zoho} VALUES ('1', 'ann', 'r-ann')`);
      const user = await userWith([
        `SELECT, INSERT, UPDATE, DELETE, CREATE ON tokenkeep.${table}`,
        `SELECT, INSERT, UPDATE, DELETE, CREATE ON tokenkeep.${table}_locks`,
        `SELECT ON tokenkeep.${zoho}`,
      ]);
      await using store = new MysqlTokenStore({ url: user, table, adopt: zoho });
      expect(await store.adoption()).toMatchObject({ rows: 1, records: 1, problems: [] });
      expect((await store.findToken({ userSignature: { name: "ann" } }))?.refreshToken).toBe("r-ann");
      await store.deleteTokens();
      await useAll(store);
      await sql(url, "DROP TABLE ??", [zoho]);
    });

    it("is asked for with the SQL where the store may not make it", async () => {
      await using store = new MysqlTokenStore({ url, table, createTable: false });
      const error = await store.findTokenById("1").catch((thrown) => thrown);
      expect(error.code).toBe("ERR_SCHEMA");
      for (const statement of mysqlSchema({ table, server })) expect(error.message).toContain(statement);
    });

    it("is left as it is where it is newer, or not ours", async () => {
      await sql(url, "CREATE TABLE ?? (id INT) COMMENT = 'tokenkeep schema 999'", [table]);
      for (const [comment, hint] of [
        ["tokenkeep schema 999", /Update/],
        ["something else", /not tokenkeep's/],
      ] as const) {
        await sql(url, "ALTER TABLE ?? COMMENT = ?", [table, comment]);
        const before = await shape(table);
        await using store = new MysqlTokenStore({ url, table });
        await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({
          code: "ERR_SCHEMA",
          message: expect.stringMatching(hint),
        });
        expect(await shape(table)).toBe(before);
      }
    });

    it("is not needed to be in a database that compares text like ours", async () => {
      await sql(url, "CREATE DATABASE IF NOT EXISTS tk_latin CHARACTER SET latin1 COLLATE latin1_swedish_ci");
      await using store = new MysqlTokenStore({ url: urlWith(url, { pathname: "/tk_latin" }) });
      await store.saveToken({ id: "é", refreshToken: "é😀" });
      expect(await store.findToken({ refreshToken: "É😀" })).toBeNull();
      expect(await store.findTokenById("É")).toBeNull();
      expect((await store.findToken({ refreshToken: "é😀" }))?.id).toBe("é");
      await store.close();
      await sql(url, "DROP DATABASE tk_latin");
    });

    it("may have any name that the server can have", async () => {
      const names = [
        "a`b",
        "x'; DROP TABLE y; --",
        'quo"te',
        "back\\slash",
        "dot.ted",
        "ta ble",
        "täble€",
        "SELECT",
        "per%cent_",
        "q?uestion??",
        "a".repeat(58),
      ];
      for (const hostile of names) {
        await using store = new MysqlTokenStore({ url, table: hostile });
        await useAll(store);
        await store.close();
        await sql(
          url,
          `DROP TABLE \`${hostile.replaceAll("`", "``")}\`, \`${hostile.replaceAll("`", "``")}_locks\``,
        );
      }
    });
  });

  async function userWith(grants: readonly string[]): Promise<string> {
    const user = freshTable();
    await sql(url, `CREATE USER '${user}'@'%' IDENTIFIED BY 'user-password'`);
    for (const grant of grants) await sql(url, `GRANT ${grant} TO '${user}'@'%'`);
    return urlWith(url, { username: user, password: "user-password" });
  }
});

async function useAll(store: MysqlTokenStore): Promise<void> {
  const { id } = await store.saveToken({ userSignature: { name: "u" }, refreshToken: "r" });
  await store.saveToken({ refreshToken: "r", accessToken: "a" });
  expect(await store.getTokens()).toHaveLength(1);
  expect(await store.withLock("k", ({ fence }) => fence)).toBeGreaterThan(0);
  await store.deleteToken(id!);
  await store.deleteTokens();
}
