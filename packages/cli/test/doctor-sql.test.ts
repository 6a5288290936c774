import { describeOn, describeOnServer, startServer } from "@tokenkeep/test-servers";
import { createPool } from "mysql2/promise";
import pg from "pg";
import { afterAll, beforeEach, expect, it, onTestFinished } from "vitest";
import { fill } from "./support/backends.js";
import { doctor, fiveMinutesAhead } from "./support/doctor.js";

for (const server of ["mysql", "mariadb"] as const) {
  await describeOnServer(server, ({ url, container }) => {
    const isOurs = container !== undefined;
    const pool = createPool(url);
    afterAll(() => pool.end());
    const run = (sql: string) => pool.query(sql);

    beforeEach(async () => {
      await run("DROP TABLE IF EXISTS tokenkeep, tokenkeep_locks");
      await fill(url, ["ann", "bob"]);
    });

    const asUser = async (privileges: string) => {
      await run("CREATE OR REPLACE USER app@'%' IDENTIFIED BY 'pass-word'").catch(async () => {
        await run("DROP USER IF EXISTS app@'%'");
        await run("CREATE USER app@'%' IDENTIFIED BY 'pass-word'");
      });
      await run(`GRANT ${privileges} ON tokenkeep.tokenkeep TO app@'%'`);
      await run("GRANT SELECT, INSERT, UPDATE, DELETE ON tokenkeep.tokenkeep_locks TO app@'%'");
      return url.replace("root:test-password", "app:pass-word");
    };

    it("finds nothing in a healthy store", async () => {
      expect(await doctor(url)).toEqual({ status: 0, names: [] });
    });

    it.runIf(isOurs).each([
      ["mysql-lax-commit", 1, "innodb_flush_log_at_trx_commit", "2"],
      ["not-primary", 1, "read_only", "ON"],
      // MariaDB has no log.
      ...(server === "mysql" ? [["mysql-lax-binlog", 0, "sync_binlog", "0"] as const] : []),
      ["mysql-no-doublewrite", 1, "innodb_doublewrite", server === "mysql" ? "DETECT_ONLY" : "OFF"],
    ] as const)("finds %s", async (name, status, variable, value) => {
      const [rows] = (await run(`SELECT @@GLOBAL.${variable} AS value`)) as unknown as [{ value: number }[]];
      await run(`SET GLOBAL ${variable} = ${value}`);
      onTestFinished(async () => void (await run(`SET GLOBAL ${variable} = ${rows[0]!.value}`)));
      expect(await doctor(url)).toEqual({ status, names: [name] });
    });

    it.each([
      ["index-missing", "UPDATE tokenkeep SET refresh_token_key = NULL LIMIT 1"],
      ["schema-index-missing", "ALTER TABLE tokenkeep DROP INDEX by_refresh_token"],
      ["schema", "ALTER TABLE tokenkeep COMMENT = 'tokenkeep schema 0'"],
      ["schema", "DROP TABLE tokenkeep_locks"],
      ["mysql-not-innodb", "ALTER TABLE tokenkeep_locks ENGINE = MEMORY"],
      ["corrupt", "UPDATE tokenkeep SET record = 'torn' LIMIT 1"],
    ])("finds %s after: %s", async (name, sql) => {
      await run(sql);
      const { status, names } = await doctor(url);
      expect([status, names]).toEqual([1, [name]]);
    });

    it.runIf(isOurs)("finds a wrong password, and a missing privilege", async () => {
      const app = await asUser("SELECT, INSERT, UPDATE");
      expect(await doctor(app, {}, url)).toEqual({ status: 1, names: ["missing-privileges"] });
      const wrong = app.replace("pass-word", "not-the-word");
      expect(await doctor(wrong, {}, url)).toEqual({ status: 1, names: ["refused"] });
      expect(await doctor(await asUser("SELECT, INSERT, UPDATE, DELETE"), {}, url)).toMatchObject({
        status: 0,
        names: [],
      });
    });

    it("finds a clock that is five minutes off", async () => {
      expect((await fiveMinutesAhead(() => doctor(url))).names).toEqual(["clock-differs"]);
    });
  });
}

// A running server can't turn it off.
const withoutDoublewrite = () => startServer("mysql", { command: ["--innodb-doublewrite=OFF"] });
await describeOn("mysql without doublewrite", withoutDoublewrite, ({ url }) => {
  it("finds mysql-no-doublewrite", async () => {
    await fill(url, ["ann"]);
    expect(await doctor(url)).toEqual({ status: 1, names: ["mysql-no-doublewrite"] });
  });
});

await describeOnServer("postgres", ({ url, container }) => {
  const isOurs = container !== undefined;
  const pool = new pg.Pool({ connectionString: url });
  afterAll(() => pool.end());
  const run = (sql: string) => pool.query(sql);

  beforeEach(async () => {
    await run("DROP TABLE IF EXISTS tokenkeep, tokenkeep_locks");
    await fill(url, ["ann", "bob"]);
  });

  it("finds nothing in a healthy store", async () => {
    expect(await doctor(url)).toEqual({ status: 0, names: [] });
  });

  it.runIf(isOurs).each([
    ["postgres-fsync-off", "fsync"],
    ["postgres-no-page-writes", "full_page_writes"],
    ["postgres-lax-commit", "synchronous_commit"],
  ])("finds %s", async (name, setting) => {
    const set = async (value: string) => {
      await run(`ALTER SYSTEM SET ${setting} = ${value}`);
      await run("SELECT pg_reload_conf()");
      while ((await run(`SHOW ${setting}`)).rows[0]?.[setting] !== value) await run("SELECT pg_sleep(0.05)");
    };
    await set("off");
    onTestFinished(() => set("on"));
    expect(await doctor(url)).toEqual({ status: 1, names: [name] });
  });

  it.each([
    ["index-missing", "UPDATE tokenkeep SET refresh_token_key = NULL"],
    ["schema-index-missing", "DROP INDEX tokenkeep_by_age"],
    [
      "schema-index-missing",
      "ALTER TABLE tokenkeep DROP CONSTRAINT tokenkeep_namespace_access_token_key_key",
    ],
    ["schema", "COMMENT ON TABLE tokenkeep IS 'tokenkeep schema 0'"],
    ["schema", "DROP TABLE tokenkeep"],
    ["postgres-unlogged", "ALTER TABLE tokenkeep SET UNLOGGED"],
    ["corrupt", "UPDATE tokenkeep SET record = 'torn'"],
  ])("finds %s after: %s", async (name, sql) => {
    await run(sql);
    const { status, names } = await doctor(url);
    expect([status, names]).toEqual([1, [name]]);
  });

  it.runIf(isOurs)("finds a wrong password, a missing privilege, and a user who can't write", async () => {
    await run("DROP ROLE IF EXISTS app");
    await run("CREATE ROLE app LOGIN PASSWORD 'pass-word'");
    await run("GRANT SELECT, INSERT, UPDATE ON tokenkeep TO app");
    await run("GRANT SELECT, INSERT, UPDATE, DELETE ON tokenkeep_locks TO app");
    onTestFinished(async () => void (await run("DROP OWNED BY app; DROP ROLE app")));
    const app = url.replace("tokenkeep:test-password", "app:pass-word");
    expect(await doctor(app, {}, url)).toEqual({ status: 1, names: ["missing-privileges"] });
    await run("GRANT DELETE ON tokenkeep TO app");
    expect(await doctor(app, {}, url)).toEqual({ status: 0, names: [] });
    await run("ALTER ROLE app SET default_transaction_read_only = on");
    expect(await doctor(app, {}, url)).toEqual({ status: 1, names: ["not-primary"] });
    await run("REVOKE SELECT ON tokenkeep FROM app");
    expect((await doctor(app, {}, url)).names).toContain("refused");
    const wrong = app.replace("pass-word", "not-the-word");
    expect(await doctor(wrong, {}, url)).toEqual({ status: 1, names: ["refused"] });
  });

  it("finds a clock that is five minutes off", async () => {
    expect((await fiveMinutesAhead(() => doctor(url))).names).toEqual(["clock-differs"]);
  });
});
