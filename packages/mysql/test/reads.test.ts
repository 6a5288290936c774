import { MysqlTokenStore } from "@tokenkeep/mysql";
import { createPool } from "mysql2/promise";
import { afterEach, describe, expect, it } from "vitest";
import { describeOnBoth, freshTable, sql } from "./support.js";

const USERS = 100;

await describeOnBoth(({ url }) => {
  const table = freshTable();
  afterEach(() => sql(url, "DROP TABLE IF EXISTS ??, ??", [table, `${table}_locks`]));
  const tokenOf = (i: number) => ({
    id: `id-${i}`,
    userSignature: { name: `user-${i}` },
    ...(i % 3 === 0 ? {} : { clientId: "c" }),
    refreshToken: `refresh-${i}`,
    accessToken: `access-${i}`,
  });

  describe("reads at once", () => {
    it("each find its own, 300 of them over few connections in few statements", async () => {
      const pool = createPool({ uri: url, connectionLimit: 5 });
      let connections = 0;
      let statements = 0;
      pool.on("connection", (connection) => {
        connections++;
        const execute = connection.execute.bind(connection) as (...given: unknown[]) => unknown;
        Object.assign(connection, {
          execute: (...given: unknown[]) => {
            statements++;
            return execute(...given);
          },
        });
      });
      await using store = new MysqlTokenStore({ pool, table });
      await Promise.all(Array.from({ length: USERS }, (_, i) => store.saveToken(tokenOf(i))));
      const ways: ((i: number) => Promise<{ readonly id: string | null } | null>)[] = [
        (i) => store.findToken({ userSignature: { name: `user-${i}` }, clientId: "c" }),
        (i) => store.findToken({ userSignature: { name: `user-${i}` } }),
        (i) => store.findToken({ refreshToken: `refresh-${i}`, accessToken: "none" }),
        (i) => store.findToken({ id: `id-${i}` }),
        (i) => store.findTokenById(`id-${i}`),
      ];
      for (const find of ways) {
        statements = 0;
        // one in a hundred and one is nobody's
        const found = await Promise.all(Array.from({ length: 300 }, (_, i) => find(i % (USERS + 1))));
        const expected = found.map((_, i) =>
          i % (USERS + 1) === USERS ? undefined : `id-${i % (USERS + 1)}`,
        );
        expect(found.map((token) => token?.id)).toEqual(expected);
        expect(statements).toBeLessThan(75);
      }
      expect(connections).toBeLessThanOrEqual(5);
      await store.close();
      await pool.end();
    });

    it("fail alone where what they find can't be read", async () => {
      await using store = new MysqlTokenStore({ url, table });
      for (let i = 0; i < 8; i++) await store.saveToken(tokenOf(i));
      await sql(url, "UPDATE ?? SET expires_at = 9007199254740993 WHERE id = 'id-5'", [table]);
      const ends = await Promise.allSettled(
        Array.from({ length: 8 }, (_, i) => store.findToken({ userSignature: { name: `user-${i}` } })),
      );
      ends.forEach((end, i) => {
        if (i === 5) expect(end).toMatchObject({ status: "rejected", reason: { code: "ERR_CORRUPT" } });
        else expect(end).toMatchObject({ status: "fulfilled", value: { id: `id-${i}` } });
      });
    });

    it("come back whole, whatever the pool is set to", async () => {
      const settings = [
        { rowsAsArray: true },
        { nestTables: true },
        { nestTables: "_" },
        { typeCast: false },
        { typeCast: () => "nonsense" },
        { namedPlaceholders: true },
        { disableEval: true },
      ];
      const long = { apiDomain: "é😀\0".repeat(9000), redirectUrl: "x".repeat(65_536), expiresAt: 7 };
      for (const setting of settings) {
        const pool = createPool({ uri: url, ...setting } as { uri: string });
        await using store = new MysqlTokenStore({ pool, table });
        const saved = await Promise.all(
          Array.from({ length: 20 }, (_, i) => store.saveToken({ ...tokenOf(i), ...long })),
        );
        const found = await Promise.all(
          Array.from({ length: 20 }, (_, i) => store.findToken({ userSignature: { name: `user-${i}` } })),
        );
        expect(found.map((token) => token?.toPlain())).toEqual(saved.map((token) => token.toPlain()));
        expect((await store.findTokenById("id-1"))?.toPlain()).toEqual(saved[1]?.toPlain());
        await store.withLock("key", async ({ fence }) => expect(fence).toBeGreaterThan(0));
        await store.close();
        await pool.end();
      }
    });
  });
});
