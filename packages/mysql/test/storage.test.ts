import { MysqlTokenStore } from "@tokenkeep/mysql";
import { createPool } from "mysql2/promise";
import { afterEach, describe, expect, it } from "vitest";
import { describeOnBoth, freshTable, sql } from "./support.js";

const HOSTILE = ["é😀 \0 '\"`\\ %_ ", "\n\r\x1a;--", "Å", "A\u030a", " x", "x ", "x"];

await describeOnBoth(({ url }) => {
  const table = freshTable();
  const open = (options = {}) => new MysqlTokenStore({ url, table, ...options });
  afterEach(() => sql(url, "DROP TABLE IF EXISTS ??, ??", [table, `${table}_locks`]));

  describe("what is stored", () => {
    const pools: [of: string, charset: string, then: string][] = [
      ["utf8mb4", "utf8mb4", ""],
      ["latin1", "latin1", ""],
      ["three-byte utf8", "utf8", ""],
      ["a charset of two bytes", "gbk", ""],
      ["utf8mb4, in which the server is told otherwise", "utf8mb4", ", NAMES latin1"],
      ["latin1, in which the server is told otherwise", "latin1", ", NAMES utf8mb4"],
      ["utf8mb4 with another collation", "utf8mb4", ", NAMES utf8mb4 COLLATE utf8mb4_general_ci"],
    ];
    for (const [of, charset, then] of pools) {
      it(`is the same byte for byte over a pool in ${of}, in a lax mode`, async () => {
        const pool = createPool({
          uri: url,
          charset,
          rowsAsArray: false,
          dateStrings: true,
          bigNumberStrings: true,
          supportBigNumbers: true,
        });
        pool.on("connection", (connection) => void connection.query(`SET sql_mode = ''${then}`));
        await using store = new MysqlTokenStore({ pool, table });
        const long = "é😀€".repeat(7281) + "x".repeat(65_536 - 7281 * 9);
        for (const text of HOSTILE) {
          await store.saveToken({
            id: text,
            userSignature: { name: text },
            refreshToken: text,
            apiDomain: long,
          });
        }
        expect(await store.getTokens()).toHaveLength(HOSTILE.length);
        for (const text of HOSTILE) {
          const found = await store.findToken({ refreshToken: text });
          expect(found?.toPlain()).toMatchObject({
            id: text,
            userSignature: { name: text },
            apiDomain: long,
          });
          expect((await store.findTokenById(text))?.refreshToken).toBe(text);
        }
        await store.close();
        await pool.end();
      });
    }

    it("can be read by a person", async () => {
      await using store = open({ namespace: "straße" });
      await store.saveToken({ id: "1", userSignature: { name: "Ann" }, refreshToken: "r", expiresAt: 7 });
      const rows = await sql(url, "SELECT * FROM ??", [table]);
      expect(rows).toMatchObject([
        { namespace: "straße", id: "1", user_name: "Ann", refresh_token: "r", expires_at: 7 },
      ]);
    });
  });
});
