import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/schema.js";
import { freshNamespace } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

for (const name of ["redis", "valkey"] as const) {
  await describeOnServer(name, ({ url, container }) => {
    // A server that the environment names may have other users, whose requests would count.
    const isOurs = container !== undefined;
    const admin = new Redis(url);
    afterAll(() => admin.disconnect());

    async function calls(): Promise<Map<string, number>> {
      const stats = await admin.info("commandstats");
      const found = [...stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)];
      return new Map(found.map(([, command, times]) => [command ?? "", Number(times)]));
    }

    it.runIf(isOurs)(
      "a find is one request, a save of a changed copy one, any other save or delete two",
      async () => {
        await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
        const saved = await store.saveToken({ ...user, refreshToken: "r" });
        await store.deleteToken("none");
        await admin.config("RESETSTAT");
        const requests = async (work: () => Promise<unknown>) => {
          const before = (await calls()).get("evalsha") ?? 0;
          await work();
          return ((await calls()).get("evalsha") ?? 0) - before;
        };
        expect(await requests(() => store.findToken(user))).toBe(1);
        expect(await requests(() => store.findToken({ refreshToken: "r" }))).toBe(1);
        expect(await requests(() => store.saveToken(saved.with({ accessToken: "a" })))).toBe(1);
        expect(await requests(() => store.saveToken({ ...user, accessToken: "b" }))).toBe(2);
        expect(await requests(() => store.getTokens())).toBe(1);
        expect(await requests(() => store.deleteToken(saved.id ?? ""))).toBe(2);
        await store.deleteTokens();
        expect(await requests(() => store.withLock("k", () => {}))).toBe(2);
        const used = await calls();
        for (const command of ["keys", "scan", "hgetall", "flushdb"]) expect(used.has(command)).toBe(false);
      },
    );

    it.runIf(isOurs)("scripts that the server forgot are sent again", async () => {
      await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
      await store.saveToken({ ...user, refreshToken: "r" });
      await admin.script("FLUSH");
      expect(await store.saveToken({ ...user, accessToken: "a" })).toMatchObject({ revision: 2 });
      await admin.script("FLUSH");
      expect(await store.findToken(user)).toMatchObject({ accessToken: "a" });
      await admin.script("FLUSH");
      expect(await store.withLock("k", (lease) => lease.fence)).toBeGreaterThan(0);
    });

    it("stores on one client share one connection, with its prefix and its name, and leave it open", async () => {
      const namespace = freshNamespace();
      const client = new Redis(url, { keyPrefix: "app:", connectionName: namespace });
      const connections = async () =>
        String(await admin.client("LIST")).split(`name=${namespace} `).length - 1;
      const stores = ["a", "b", "c"].map(
        (part) => new RedisTokenStore({ client, namespace: namespace + part }),
      );
      for (const store of stores) await store.saveToken({ ...user, refreshToken: "r" });
      expect(await connections()).toBe(2);
      expect(await admin.exists(`app:${keysIn(`${namespace}a`).records}`)).toBe(1);
      expect(await admin.exists(keysIn(`${namespace}a`).records)).toBe(0);
      await stores[0]!.close();
      expect(await stores[1]!.findToken(user)).toMatchObject({ refreshToken: "r" });
      for (const store of stores) await store.close();
      await expect.poll(connections).toBe(1);
      expect(await client.ping()).toBe("PONG");
      await using again = new RedisTokenStore({ client, namespace: `${namespace}a` });
      expect(await again.findToken(user)).toMatchObject({ refreshToken: "r" });
      await client.quit();
      await expect.poll(connections).toBe(0); // the store's connection ends with the client
    });

    it("clients may return numbers as strings, and pipeline", async () => {
      const client = new Redis(url, { stringNumbers: true, enableAutoPipelining: true });
      await using store = new RedisTokenStore({ client, namespace: freshNamespace(), leaseMs: 1000 });
      const token = { ...user, refreshToken: "r" };
      expect(await store.saveToken(token)).toMatchObject({ revision: 1 });
      expect(await store.saveToken(token)).toMatchObject({ revision: 2 });
      const twice = await Promise.all([store.findToken(token), store.findToken(token)]);
      expect(twice).toMatchObject([{ revision: 2 }, { revision: 2 }]);
      const work = () => new Promise((resolve) => setTimeout(resolve, 1200, "done"));
      expect(await store.withLock("k", work)).toBe("done");
      client.disconnect();
    });
  });
}
