import { readFile } from "node:fs/promises";
import { type MysqlTokenStore, mysqlSchema } from "@tokenkeep/mysql";
import { afterEach, describe, expect, it } from "vitest";
import { describeOnBoth, freshTable, open, sql, urlWith, userWith } from "./support.js";

await describeOnBoth(({ url }) => {
  const table = freshTable();
  const drop = (of: string) => sql(url, "DROP TABLE IF EXISTS ??, ??", [of, `${of}_locks`]);
  afterEach(() => drop(table));
  const shape = async (of: string) =>
    String((await sql(url, "SHOW CREATE TABLE ??", [of]))[0]?.["Create Table"]).replaceAll(of, "T");

  describe("the schema", () => {
    it("is what the README's SQL creates, and needs no more than the README's privileges then", async () => {
      const database = freshTable();
      await sql(url, `CREATE DATABASE ${database} CHARACTER SET latin1`);
      try {
        const there = urlWith(url, { pathname: `/${database}` });
        const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
        const [, text = ""] = /```sql\n(CREATE TABLE.+?)```/s.exec(readme) ?? [];
        const statements = text.split(/;\n+/).filter((statement) => statement.trim() !== "");
        expect(statements).toEqual(mysqlSchema());
        for (const statement of statements) await sql(there, statement);
        const user = await userWith(url, [
          `SELECT, INSERT, UPDATE, DELETE ON ${database}.tokenkeep`,
          `SELECT, INSERT, UPDATE, DELETE ON ${database}.tokenkeep_locks`,
        ]);
        for (const options of [{ createTables: false }, { open: "existing" }, {}] as const) {
          const poor = urlWith(user, { pathname: `/${database}` });
          await using store = open({ url: poor, ...options });
          await useAll(store);
        }
      } finally {
        await sql(url, `DROP DATABASE ${database}`);
      }
    });

    it("is created with the README's privileges", async () => {
      const user = await userWith(
        url,
        [table, `${table}_locks`].map(
          (name) => `SELECT, INSERT, UPDATE, DELETE, CREATE ON tokenkeep.${name}`,
        ),
      );
      await using store = open({ url: user, table });
      await useAll(store);
    });

    it("is refused where the user may not create it", async () => {
      const user = await userWith(url, ["SELECT, INSERT, UPDATE, DELETE ON `tokenkeep`.*"]);
      await using store = open({ url: user, table });
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_PERMISSION",
        retryable: false,
        message: expect.stringContaining("README"),
      });
    });

    it("is asked for with the SQL where the store may not create it", async () => {
      for (const options of [{ createTables: false }, { open: "existing" }] as const) {
        await using store = open({ url, table, ...options });
        const error = await store.findTokenById("1").catch((thrown) => thrown);
        expect(error).toMatchObject({ code: "ERR_SCHEMA", retryable: false });
        for (const statement of mysqlSchema({ table })) expect(error.message).toContain(statement);
      }
      expect(await sql(url, "SHOW TABLES LIKE ?", [table])).toEqual([]);
    });

    it("is left as it is where it is newer, or not ours", async () => {
      await sql(url, "CREATE TABLE ?? (id INT)", [table]);
      for (const [comment, hint] of [
        ["tokenkeep schema 999", /Update @tokenkeep\/mysql/],
        ["something else", /not tokenkeep's/],
      ] as const) {
        await sql(url, "ALTER TABLE ?? COMMENT = ?", [table, comment]);
        const before = await shape(table);
        await using store = open({ url, table });
        await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({
          code: "ERR_SCHEMA",
          message: expect.stringMatching(hint),
        });
        expect(await shape(table)).toBe(before);
      }
    });

    it("is completed where only one table was created", async () => {
      const [, locks] = mysqlSchema({ table });
      await sql(url, locks!);
      await using store = open({ url, table });
      await useAll(store);
    });

    it("is another one for a name that differs in case, or in an accent, alone", async () => {
      const [setting] = await sql(url, "SELECT @@lower_case_table_names AS n");
      expect(setting?.n).toBe(0); // where case counts
      const names = [table, table.toUpperCase(), `${table}e`, `${table}é`];
      for (const name of names) {
        await using store = open({ url, table: name });
        await store.saveToken({ refreshToken: name });
        expect(await store.getTokens()).toHaveLength(1);
      }
      for (const name of names.slice(1)) await drop(name);
    });

    it("is in any database, whatever its charset and collation", async () => {
      const database = freshTable();
      await sql(url, `CREATE DATABASE ${database} CHARACTER SET latin1 COLLATE latin1_swedish_ci`);
      await using store = open({ url: urlWith(url, { pathname: `/${database}` }) });
      await store.saveToken({ id: "é", refreshToken: "é😀" });
      expect(await store.findToken({ refreshToken: "É😀" })).toBeNull();
      for (const id of ["É", "e", "é ", "é\0"]) expect(await store.findTokenById(id)).toBeNull();
      expect((await store.findToken({ refreshToken: "é😀" }))?.id).toBe("é");
      await store.close();
      await sql(url, `DROP DATABASE ${database}`);
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
        "{tokens}",
        "a".repeat(58),
      ];
      for (const hostile of names) {
        await using store = open({ url, table: hostile });
        await useAll(store);
        await store.close();
        const quoted = hostile.replaceAll("`", "``");
        await sql(url, `DROP TABLE \`${quoted}\`, \`${quoted}_locks\``);
      }
    });
  });
});

async function useAll(store: MysqlTokenStore): Promise<void> {
  const { id } = await store.saveToken({ userSignature: { name: "u" }, refreshToken: "r" });
  await store.saveToken({ refreshToken: "r", accessToken: "a" });
  expect(await store.getTokens()).toHaveLength(1);
  expect(await store.withLock("k", ({ fence }) => fence)).toBeGreaterThan(0);
  await store.deleteToken(id!);
  await store.deleteTokens();
}
