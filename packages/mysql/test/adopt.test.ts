import { MysqlTokenStore } from "@tokenkeep/mysql";
import { afterEach, describe, expect, it } from "vitest";
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

    it("has to be there", async () => {
      await using store = new MysqlTokenStore({ url, table, adopt: zoho });
      await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    });
  });
});
