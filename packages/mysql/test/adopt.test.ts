import { spawn } from "node:child_process";
import { once } from "node:events";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { afterEach, describe, expect, it, vi } from "vitest";
import { describeOnBoth, freshTable, sql } from "./support.js";

const COLUMNS = {
  // as the SDK's own script makes it, and as that of version 2.1 did
  current:
    "id varchar(10) NOT NULL, user_name varchar(255), client_id varchar(255), client_secret varchar(255), refresh_token varchar(255), access_token varchar(255), grant_token varchar(255), expiry_time varchar(20), redirect_url varchar(255), api_domain varchar(255), primary key (id)",
  old: "id varchar(255) NOT NULL, user_mail varchar(255) NOT NULL, client_id varchar(255), client_secret varchar(255), refresh_token varchar(255), access_token varchar(255), grant_token varchar(255), expiry_time varchar(20), redirect_url varchar(255), primary key (id)",
};

await describeOnBoth(({ url }) => {
  const table = freshTable();
  const zoho = freshTable();
  afterEach(() => sql(url, "DROP TABLE IF EXISTS ??, ??, ??", [table, `${table}_locks`, zoho]));

  describe("Zoho's own table", () => {
    it("is copied once, duplicates joined, and told of row by row", async () => {
      await sql(url, `CREATE TABLE ${zoho} (${COLUMNS.current}) CHARACTER SET latin1`);
      const add = (...values: (string | null)[]) =>
        sql(
          url,
          `INSERT INTO ${zoho} (id, user_name, client_id, refresh_token, access_token, expiry_time) VALUES (?)`,
          [values],
        );
      await add("1", "ann", "c1", "r1", "old", "1000");
      await add("2", "ann", "c1", "r1", "new", "2000");
      await add("3", "bob", "c1", "r3", "a3", "junk");
      await add("4", "zoë", "c2", "r4", "a4", "3000");
      await add("10", "cy", "c1", null, null, null);
      const before = await sql(url, `SELECT * FROM ${zoho}`);
      await using store = new MysqlTokenStore({ url, table, adopt: zoho });
      const report = await store.adoption();
      expect(report?.rows).toBe(5);
      expect((await store.findToken({ userSignature: { name: "ann" } }))?.toPlain()).toMatchObject({
        id: "1",
        accessToken: "new",
        expiresAt: 2000,
      });
      expect((await store.findToken({ refreshToken: "r4" }))?.userSignature?.name).toBe("zoë");
      expect(report?.records).toBe((await store.getTokens()).length);
      expect(report?.problems.length).toBeGreaterThan(0);
      expect(JSON.stringify(report)).not.toMatch(/r[134]"|"old|"new/);
      // once: what is deleted does not come back
      await store.deleteTokens();
      await using again = new MysqlTokenStore({ url, table, adopt: zoho });
      expect(await again.getTokens()).toEqual([]);
      expect(await again.adoption()).toEqual(report);
      expect(await sql(url, `SELECT * FROM ${zoho}`)).toEqual(before);
    });

    it("is copied by one of many that start at once", async () => {
      await sql(url, `CREATE TABLE ${zoho} (${COLUMNS.old})`);
      for (let i = 1; i <= 30; i++) {
        await sql(url, `INSERT INTO ${zoho} VALUES (?)`, [
          [`${i}`, `u${i}`, "c", "s", `r${i}`, `a${i}`, null, "5", "http://x"],
        ]);
      }
      const stores = Array.from(
        { length: 8 },
        () => new MysqlTokenStore({ url, table, adopt: zoho, connectionLimit: 2 }),
      );
      await Promise.all(stores.map((store) => store.findTokenById("1")));
      expect((await stores[0]!.getTokens()).map(({ id }) => id)).toEqual(
        Array.from({ length: 30 }, (_, i) => `${i + 1}`),
      );
      await Promise.all(stores.map((store) => store.close()));
    });

    it("is copied whole though calls end sooner", async () => {
      await makeMany(10_000);
      await using store = new MysqlTokenStore({ url, table, adopt: zoho, timeoutMs: 200 });
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: true,
      });
      const report = await vi.waitFor(() => store.adoption(), { timeout: 60_000 });
      expect(report).toEqual({ rows: 10_000, records: 10_000, problems: [] });
      expect((await store.findToken({ refreshToken: "r9999" }))?.id).toBe("10000");
      expect(await sql(url, "SELECT COUNT(*) AS n FROM ??", [table])).toMatchObject([{ n: 10_000 }]);
    });

    it("is copied whole, once, by many processes after one was killed in the middle of it", async () => {
      await makeMany(20_000);
      const victim = adopter();
      await vi.waitFor(
        async () => {
          const rows = await sql(
            url,
            "SELECT 1 FROM information_schema.innodb_trx WHERE trx_rows_modified > 1000",
          );
          expect(rows.length).toBeGreaterThan(0);
        },
        { timeout: 30_000, interval: 150 }, // asked more often, the server answers with what it said before
      );
      victim.kill("SIGKILL");
      expect(await once(victim, "exit")).toEqual([null, "SIGKILL"]);
      expect(await sql(url, "SELECT COUNT(*) AS n FROM ??", [table])).toMatchObject([{ n: 0 }]);
      const ends = await Promise.all(Array.from({ length: 6 }, () => once(adopter(), "exit")));
      expect(ends).toEqual(ends.map(() => [0, null]));
      expect(await sql(url, "SELECT COUNT(*) AS n FROM ??", [table])).toMatchObject([{ n: 20_000 }]);
      await using store = new MysqlTokenStore({ url, table, adopt: zoho });
      expect(await store.adoption()).toEqual({ rows: 20_000, records: 20_000, problems: [] });
    });

    it("is copied but for the rows whose values the store has already", async () => {
      await makeMany(600);
      await using before = new MysqlTokenStore({ url, table });
      await before.saveToken({ refreshToken: "r300" });
      await using store = new MysqlTokenStore({ url, table, adopt: zoho });
      expect(await store.adoption()).toMatchObject({
        rows: 600,
        records: 599,
        problems: [{ where: 'id "301"', reason: "the store has one of its values already" }],
      });
      expect(await store.getTokens()).toHaveLength(600);
    });

    it("has to be there", async () => {
      await using store = new MysqlTokenStore({ url, table, adopt: zoho });
      await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    });
  });

  /** Rows 1 to `count`, with the refresh tokens r0, r1, … */
  async function makeMany(count: number): Promise<void> {
    await sql(url, `CREATE TABLE ${zoho} (${COLUMNS.current})`);
    const rows = Array.from({ length: count }, (_, i) => [
      `${i + 1}`,
      `u${i}`,
      "c",
      "s",
      `r${i}`,
      `a${i}`,
      null,
      "5",
      "http://x",
      "http://y",
    ]);
    await sql(url, `INSERT INTO ${zoho} VALUES ?`, [rows]);
  }

  /** A process that adopts, and ends. */
  function adopter() {
    const code = `
      import { MysqlTokenStore } from "@tokenkeep/mysql";
      const [url, table, adopt] = process.argv.slice(1);
      const store = new MysqlTokenStore({ url, table, adopt, timeoutMs: 60_000 });
      await store.adoption();
      await store.close();`;
    return spawn(process.execPath, ["--input-type=module", "-e", code, "--", url, table, zoho], {
      stdio: "inherit",
      cwd: new URL("..", import.meta.url),
    });
  }
});
