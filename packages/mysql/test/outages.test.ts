import { setTimeout as sleep } from "node:timers/promises";
import { startProxy, type TcpProxy } from "@tokenkeep/conformance";
import { type Connection, createConnection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { describeOnBoth, freshTable, open, sql, until, userWith } from "./support.js";

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

  describe("outages", () => {
    it("a store closes soon while the server is frozen, and leaves no connection", async () => {
      const store = open({ url: proxied, table });
      await store.findTokenById("1");
      proxy.freeze();
      const before = performance.now();
      await store.close();
      expect(performance.now() - before).toBeLessThan(5000);
      proxy.restore();
    });

    it("a message says why there is no connection, and that nothing was sent", async () => {
      await using store = open({ url: proxied, table, timeoutMs: 500 });
      proxy.stop();
      await expect(store.saveToken({ refreshToken: "r" })).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        uncertain: false,
        message: expect.stringMatching(/not connected.*(ECONNRESET|lost|closed).*Nothing was sent/),
      });
      proxy.restore();
      await vi.waitFor(() => store.findTokenById("1"), { timeout: 10_000 });
    });

    // A server that the environment names is not ours to kill.
    if (container === undefined) return;

    it("what was acknowledged is there after the server was killed under load, and the store goes on", async () => {
      await using store = open({ url: proxied, table, timeoutMs: 3000 });
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

    it("a server without a free connection is waited for", async () => {
      const user = await userWith(proxied, ["ALL ON `tokenkeep`.*"]);
      await sql(proxied, "SET GLOBAL max_connections = 12");
      const taken: Connection[] = [];
      let refusal: unknown;
      while (refusal === undefined) {
        await createConnection(user).then(
          (connection) => taken.push(connection),
          (error) => {
            refusal = error;
          },
        );
      }
      expect(refusal).toMatchObject({ errno: 1040 });
      await using store = open({ url: user, table });
      const find = store.findTokenById("none");
      await sleep(300);
      await Promise.all(taken.map((connection) => connection.end()));
      expect(await find).toBeNull();
      await sql(proxied, "SET GLOBAL max_connections = 151");
    });

    it("a user without a free connection is waited for", async () => {
      const user = await userWith(proxied, ["ALL ON `tokenkeep`.*"], "WITH MAX_USER_CONNECTIONS 1");
      const taken = await createConnection(user);
      await using store = open({ url: user, table, timeoutMs: 300 });
      await expect(store.findTokenById("1")).rejects.toMatchObject({
        code: "ERR_UNAVAILABLE",
        retryable: true,
        message: expect.stringMatching(/max_user_connections|Nothing was sent/),
      });
      await taken.end();
      expect(await vi.waitFor(() => store.findTokenById("none"), { timeout: 20_000 })).toBeNull();
    });
  });
});
