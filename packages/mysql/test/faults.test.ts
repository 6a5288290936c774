import { setTimeout as sleep } from "node:timers/promises";
import { startProxy, type TcpProxy } from "@tokenkeep/conformance";
import { MysqlTokenStore } from "@tokenkeep/mysql";
import { createPool as createCallbackPool } from "mysql2";
import { type Connection, createConnection, createPool } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { describeOnBoth, freshTable, sql, urlWith } from "./support.js";

await describeOnBoth(({ url, container }) => {
  const table = freshTable();
  let proxy: TcpProxy;
  let proxied: string;
  beforeAll(async () => {
    const { hostname, port } = new URL(url);
    proxy = await startProxy(hostname, () => container?.getMappedPort(3306) ?? Number(port));
    proxied = Object.assign(new URL(url), { hostname: "127.0.0.1", port: String(proxy.port) }).href;
  });
  afterAll(async () => {
    await proxy.close();
    if (container === undefined) await sql(url, "DROP TABLE IF EXISTS ??, ??", [table, `${table}_locks`]);
  });

  describe("pools", () => {
    it("of both flavours will do, and stay open", async () => {
      const callback = createCallbackPool(url);
      const promise = createPool(url);
      for (const pool of [callback, promise, callback.promise()]) {
        const store = new MysqlTokenStore({ pool, table });
        await store.saveToken({ id: "1", refreshToken: "r" });
        await store.close();
      }
      expect((await promise.query("SELECT 1"))[0]).toHaveLength(1);
      expect((await callback.promise().query("SELECT 1"))[0]).toHaveLength(1);
      await promise.end();
      await callback.promise().end();
    });

    it("has no more connections than its limit for 300 finds at once", async () => {
      const user = freshTable();
      await sql(url, `CREATE USER '${user}'@'%' IDENTIFIED BY 'pw'`);
      await sql(url, `GRANT ALL ON \`tokenkeep\`.* TO '${user}'@'%'`);
      await using store = new MysqlTokenStore({
        url: urlWith(url, { username: user, password: "pw" }),
        table,
      });
      await store.saveToken({ id: "1", refreshToken: "r" });
      const found = await Promise.all(
        Array.from({ length: 300 }, () => store.findToken({ refreshToken: "r" })),
      );
      expect(found.every((token) => token?.id === "1")).toBe(true);
      // the server's word: those that the finds took are open yet, and the pool's default is 10. They need not have
      // taken all of them: many go over one connection.
      const [row] = await sql(
        url,
        "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE user = ?",
        [user],
      );
      expect(row?.n).toBeGreaterThan(0);
      expect(row?.n).toBeLessThanOrEqual(10);
    });

    it("of the caller's has no more connections than its limit for 300 finds at once", async () => {
      const pool = createPool({ uri: url, connectionLimit: 5 });
      let connections = 0;
      pool.on("connection", () => void connections++);
      await using store = new MysqlTokenStore({ pool, table });
      const found = await Promise.all(
        Array.from({ length: 300 }, () => store.findToken({ refreshToken: "r" })),
      );
      expect(found.every((token) => token?.id === "1")).toBe(true);
      expect(connections).toBeLessThanOrEqual(5);
      await store.close();
      await pool.end();
    });

    it("that has no connection free ends a call in time, and serves the next", async () => {
      const pool = createPool({ uri: url, connectionLimit: 1 });
      await using store = new MysqlTokenStore({ pool, table, timeoutMs: 300 });
      await store.findTokenById("1");
      const taken = await pool.getConnection();
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: true,
      });
      taken.release();
      expect(await store.findTokenById("none")).toBeNull();
      await store.close();
      await pool.end();
    });
  });

  describe("bad days", () => {
    it("goes on by itself after the connections were cut", async () => {
      await using store = new MysqlTokenStore({ url: proxied, table, timeoutMs: 5000 });
      await store.saveToken({ id: "cut", refreshToken: "cut" });
      for (let i = 0; i < 5; i++) {
        const saves = Array.from({ length: 5 }, () =>
          store.saveToken({ refreshToken: "cut" }).catch((error) => error.code),
        );
        await sleep(2);
        proxy.cut();
        for (const end of await Promise.all(saves)) {
          if (typeof end === "string") expect(end).toBe("ERR_UNAVAILABLE");
        }
        expect((await store.findTokenById("cut"))?.refreshToken).toBe("cut");
      }
    });

    it("does a write once though its reply was lost", async () => {
      await using store = new MysqlTokenStore({ url: proxied, table, timeoutMs: 5000, connectionLimit: 1 });
      const { revision } = await store.saveToken({ id: "lost", refreshToken: "lost" });
      await store.findTokenById("lost");
      proxy.loseReply();
      const saved = await store.saveToken({ id: "lost", refreshToken: "lost" });
      expect(saved.revision).toBe(revision! + 1);
      expect((await store.findTokenById("lost"))?.revision).toBe(revision! + 1);
    });

    it("says that nobody listens, and works once somebody does", async () => {
      await using store = new MysqlTokenStore({ url: proxied, table, timeoutMs: 2000 });
      proxy.stop();
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: true,
      });
      proxy.start();
      await store.findTokenById("1");
    });

    it("ends in time while the server is frozen, and is not poisoned after", async () => {
      await using store = new MysqlTokenStore({ url: proxied, table, timeoutMs: 500, connectionLimit: 3 });
      await store.findTokenById("1");
      proxy.freeze();
      const calls = Array.from({ length: 10 }, () => store.findTokenById("1").catch((error) => error.code));
      expect(new Set(await Promise.all(calls))).toEqual(new Set(["ERR_UNAVAILABLE"]));
      proxy.thaw();
      for (let i = 0; i < 10; i++) {
        expect((await store.saveToken({ id: `f${i}`, refreshToken: `f${i}` })).id).toBe(`f${i}`);
        expect((await store.findTokenById(`f${i}`))?.refreshToken).toBe(`f${i}`);
      }
    });

    it("shows no password and no value in what it throws", async () => {
      await using store = new MysqlTokenStore({ url: urlWith(url, { password: "wrong-secret" }), table });
      const error = await store.saveToken({ refreshToken: "hidden-value" }).catch((thrown) => thrown);
      expect(error.code).toBe("ERR_PERMISSION");
      expect(`${error.stack} ${JSON.stringify(error)} ${error.cause?.stack}`).not.toMatch(
        /wrong-secret|hidden-value/,
      );
    });

    // a server that the environment names is not ours to kill
    if (container !== undefined) {
      it("keeps what was acknowledged when the server is killed under load, and goes on by itself", async () => {
        await using store = new MysqlTokenStore({ url: proxied, table, timeoutMs: 3000 });
        const acknowledged = new Map<string, number>();
        let isOver = false;
        const savers = Array.from({ length: 5 }, async (_, i) => {
          while (!isOver) {
            try {
              const { revision } = await store.saveToken({ id: `k${i}`, refreshToken: `k${i}` });
              acknowledged.set(`k${i}`, revision!);
            } catch (error) {
              expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
              await sleep(50);
            }
          }
        });
        await until(() => acknowledged.size === 5);
        await container.restart({ timeout: 0 }); // SIGKILL at once
        const before = new Map(acknowledged);
        await until(() => [...before].every(([id, revision]) => acknowledged.get(id)! > revision));
        isOver = true;
        await Promise.all(savers);
        for (const [id, revision] of acknowledged) {
          const found = await store.findTokenById(id);
          expect(found?.refreshToken).toBe(id);
          expect(found?.revision).toBeGreaterThanOrEqual(revision);
        }
      });
    }

    if (container !== undefined) {
      it("says that the server has no connection left for anybody, and works once it has", async () => {
        const user = freshTable();
        await sql(proxied, `CREATE USER '${user}'@'%' IDENTIFIED BY 'pw'`);
        await sql(proxied, `GRANT ALL ON \`tokenkeep\`.* TO '${user}'@'%'`);
        await sql(proxied, "SET GLOBAL max_connections = 12");
        const as = urlWith(proxied, { username: user, password: "pw" });
        const taken: Connection[] = [];
        let refusal: unknown;
        while (refusal === undefined) {
          await createConnection(as).then(
            (connection) => taken.push(connection),
            (error) => {
              refusal = error;
            },
          );
        }
        expect(refusal).toMatchObject({ errno: 1040 });
        await using store = new MysqlTokenStore({ url: as, table, timeoutMs: 2000, connectionLimit: 2 });
        await expect(store.findTokenById("1")).rejects.toMatchObject({
          code: "ERR_UNAVAILABLE",
          retryable: true,
        });
        await Promise.all(taken.map((connection) => connection.end()));
        // the server counts a connection until its thread is gone
        expect(await vi.waitFor(() => store.findTokenById("none"), { timeout: 20_000 })).toBeNull();
        await sql(proxied, "SET GLOBAL max_connections = 151");
      });
    }

    it("says that the server has no connection left for this user", async () => {
      const user = freshTable();
      await sql(proxied, `CREATE USER '${user}'@'%' IDENTIFIED BY 'pw' WITH MAX_USER_CONNECTIONS 1`);
      await sql(proxied, `GRANT ALL ON \`tokenkeep\`.* TO '${user}'@'%'`);
      const as = urlWith(proxied, { username: user, password: "pw" });
      const taken = await createConnection(as);
      await using store = new MysqlTokenStore({ url: as, table, timeoutMs: 2000 });
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: true,
      });
      await taken.end();
      expect(await vi.waitFor(() => store.findTokenById("none"), { timeout: 20_000 })).toBeNull();
    });
  });
});

/** The test's own time limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}
