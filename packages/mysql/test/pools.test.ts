import { createPool as createCallbackPool, type PoolOptions } from "mysql2";
import type { Pool } from "mysql2/promise";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { describeOnBoth, freshTable, open, sql } from "./support.js";

const HOSTILE = ["é😀 \0 '\"`\\ %_ ", "\n\r\x1a;--", "Å", "A\u030a", " x", "x ", "x"];

await describeOnBoth(({ url }) => {
  const table = freshTable();
  afterAll(() => sql(url, "DROP TABLE IF EXISTS ??, ??", [table, `${table}_locks`]));
  const pools: Pool[] = [];
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.end().catch(() => {});
  });
  const poolWith = (options: PoolOptions = {}, session?: string) => {
    const callback = createCallbackPool({ uri: url, ...options });
    if (session !== undefined) callback.on("connection", (connection) => void connection.query(session));
    const pool = callback.promise();
    pools.push(pool);
    return pool;
  };

  describe("a caller's pool", () => {
    it("of either flavour stays open", async () => {
      const callback = createCallbackPool(url);
      pools.push(callback.promise());
      for (const pool of [callback, poolWith(), callback.promise()]) {
        const store = open({ pool, table });
        await store.saveToken({ id: "1", refreshToken: "r" });
        await store.close();
      }
      for (const pool of pools) expect((await pool.query("SELECT 1"))[0]).toHaveLength(1);
    });

    it("has no listener of ours on its connections", async () => {
      const callback = createCallbackPool({ uri: url, connectionLimit: 2 });
      pools.push(callback.promise());
      const connections: NodeJS.EventEmitter[] = [];
      callback.on("connection", (connection) => connections.push(connection));
      const listeners = () =>
        connections.map((one) => one.eventNames().map((name) => [name, one.listenerCount(name)]));
      await Promise.all([
        callback.promise().query("SELECT SLEEP(0.1)"),
        callback.promise().query("SELECT 1"),
      ]);
      const before = listeners();
      expect(before).toHaveLength(2);
      const stores = [1, 2].map(() => open({ pool: callback, table }));
      for (const store of stores) {
        await Promise.all(
          Array.from({ length: 9 }, (_, i) => store.saveToken({ id: `${i}`, refreshToken: `r${i}` })),
        );
      }
      expect(listeners()).toEqual(before);
      for (const store of stores) await store.close();
    });

    it("has no more connections than its limit for 300 finds at once", async () => {
      const callback = createCallbackPool({ uri: url, connectionLimit: 5 });
      pools.push(callback.promise());
      let connections = 0;
      callback.on("connection", () => void connections++);
      await using store = open({ pool: callback, table });
      await store.saveToken({ id: "1", refreshToken: "r" });
      const found = await Promise.all(
        Array.from({ length: 300 }, () => store.findToken({ refreshToken: "r" })),
      );
      expect(found.every((token) => token?.id === "1")).toBe(true);
      expect(connections).toBeLessThanOrEqual(5);
    });

    it("that has no connection free ends a call in time, and serves the next", async () => {
      const pool = poolWith({ connectionLimit: 1 });
      await using store = open({ pool, table, timeoutMs: 1000 });
      await vi.waitFor(() => store.findTokenById("1"), 30_000);
      const taken = await pool.getConnection();
      await expect(store.saveToken({ refreshToken: "never" })).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: true,
        uncertain: false,
        message: expect.stringMatching(/no connection of the pool.*Nothing was sent/),
      });
      taken.release();
      await vi.waitFor(
        async () => expect(await store.findToken({ refreshToken: "never" })).toBeNull(),
        20_000,
      );
    });

    it("that does not let calls wait is waited for", async () => {
      const pool = poolWith({ connectionLimit: 1, waitForConnections: false });
      await using store = open({ pool, table });
      const saves = Array.from({ length: 5 }, (_, i) =>
        store.saveToken({ id: `w${i}`, refreshToken: `w${i}` }),
      );
      expect(await Promise.all(saves)).toHaveLength(5);
    });

    it("that was ended is not waited for", async () => {
      const pool = poolWith();
      await using store = open({ pool, table });
      await pool.end();
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: false,
      });
    });

    const refused: [of: string, options: PoolOptions, session: string | undefined, hint: RegExp][] = [
      ["latin1", { charset: "latin1" }, undefined, /utf8mb4/],
      ["three-byte utf8", { charset: "utf8" }, undefined, /utf8mb4/],
      ["utf8mb4, where the server is told otherwise", { charset: "utf8mb4" }, "SET NAMES latin1", /utf8mb4/],
      ["utf8mb4 with autocommit off", {}, "SET autocommit = 0", /autocommit/],
    ];
    it.each(refused)("in %s is refused", async (_of, options, session, hint) => {
      await using store = open({ pool: poolWith(options, session), table });
      await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({
        code: "ERR_INVALID_OPTIONS",
        retryable: false,
        message: expect.stringMatching(hint),
      });
    });

    const settings: [of: string, options: PoolOptions, session?: string][] = [
      ["rowsAsArray", { rowsAsArray: true }],
      ["nestTables", { nestTables: true } as PoolOptions],
      ["nestTables with a separator", { nestTables: "_" } as PoolOptions],
      ["no typeCast", { typeCast: false }],
      ["a typeCast of its own", { typeCast: () => "nonsense" }],
      ["named placeholders", { namedPlaceholders: true }],
      ["no eval", { disableEval: true }],
      ["numbers and dates as text", { dateStrings: true, bigNumberStrings: true, supportBigNumbers: true }],
      ["no FOUND_ROWS", { flags: ["-FOUND_ROWS"] }],
      ["a charset of latin1, corrected in the session", { charset: "latin1" }, "SET NAMES utf8mb4"],
      ["another collation", {}, "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci"],
      ["no strict mode", {}, "SET SESSION sql_mode = ''"],
      ["another time zone", {}, "SET SESSION time_zone = '+12:45'"],
      ["another isolation", {}, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"],
    ];
    it.each(settings)("with %s stores and returns the same", async (_of, options, session) => {
      await using store = open({ pool: poolWith(options, session), table });
      await store.deleteTokens();
      const apiDomain = "é😀€".repeat(7281) + "x".repeat(65_536 - 7281 * 9);
      for (const text of HOSTILE) {
        const token = {
          id: text,
          userSignature: { name: text },
          refreshToken: text,
          expiresAt: 7,
          apiDomain,
        };
        await store.saveToken(token);
        expect((await store.findToken({ refreshToken: text }))?.toPlain()).toMatchObject(token);
      }
      expect(await store.getTokens()).toHaveLength(HOSTILE.length);
      await store.withLock("key", async (lease) => {
        expect(lease.fence).toBeGreaterThan(0);
        const [row] = await sql(url, "SELECT held_until - UNIX_TIMESTAMP() * 1000 AS ms FROM ??", [
          `${table}_locks`,
        ]);
        expect(Number(row?.ms)).toBeGreaterThan(0);
        expect(Number(row?.ms)).toBeLessThan(20_000);
      });
    });
  });
});
