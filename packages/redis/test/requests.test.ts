import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/keys.js";
import { freshNamespace } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

for (const name of ["redis", "valkey"] as const) {
  await describeOnServer(name, ({ url, container }) => {
    // a server that the environment names may have other users, whose requests would count
    const isOurs = container !== undefined;
    const admin = new Redis(url);
    afterAll(() => admin.disconnect());

    async function calls(): Promise<Map<string, number>> {
      const stats = await admin.info("commandstats");
      const found = [...stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)];
      return new Map(found.map(([, command, times]) => [command ?? "", Number(times)]));
    }

    it.runIf(isOurs)(
      "a find is one request, a save two or, of what was found a moment ago, one; none is KEYS, SCAN or HGETALL",
      async () => {
        await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
        await store.saveToken({ ...user, refreshToken: "r" });
        await store.findToken(user);
        await admin.config("RESETSTAT");
        await store.findToken(user);
        const find = await calls();
        expect([find.get("hmget"), find.has("evalsha")]).toEqual([1, false]); // one plain command
        await store.findToken({ refreshToken: "r" });
        expect((await calls()).get("evalsha")).toBe(1);
        await store.saveToken({ ...user, accessToken: "a" });
        expect((await calls()).get("evalsha")).toBe(2);
        await store.saveToken({ refreshToken: "r", accessToken: "b" });
        expect((await calls()).get("evalsha")).toBe(4);
        await store.getTokens();
        await store.deleteTokens();
        await store.withLock("k", () => {});
        const used = await calls();
        for (const command of ["keys", "scan", "hgetall", "flushdb"]) expect(used.has(command)).toBe(false);
      },
    );

    it.runIf(isOurs)("calls of one turn of the event loop go out together", async () => {
      await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
      const saveAll = () =>
        Promise.all(
          Array.from({ length: 100 }, (_, i) => store.saveToken({ id: `${i}`, accessToken: `a${i}` })),
        );
      await saveAll();
      await admin.config("RESETSTAT");
      const found = await Promise.all(
        Array.from({ length: 100 }, (_, i) => store.findToken({ accessToken: `a${i}` })),
      );
      expect(found.map((token) => token?.id)).toEqual(found.map((_, i) => `${i}`));
      expect((await calls()).get("evalsha")).toBe(4); // 32 in each, at most
      await admin.config("RESETSTAT");
      await Promise.all(Array.from({ length: 100 }, () => store.findToken(user)));
      expect((await calls()).get("hmget")).toBe(1 + 4); // the first was alone, as far as one could tell
      for (const [i, token] of (await saveAll()).entries())
        expect(token).toMatchObject({ id: `${i}`, revision: 2 });
      expect((await calls()).get("evalsha")).toBeLessThan(20);
    });

    it("calls that go out together fail by themselves", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const { id } = await store.saveToken({ refreshToken: "broken" });
      await store.saveToken({ refreshToken: "whole" });
      await store.saveToken({ id: "taken", refreshToken: "taken" });
      await admin.hset(keysIn(namespace).records, `:${id}`, "[");
      const outcomes = await Promise.allSettled([
        store.findToken({ refreshToken: "broken" }),
        store.findToken({ refreshToken: "whole" }),
        store.findToken({ refreshToken: "none" }),
        store.findToken({ refreshToken: "whole" }),
        store.saveToken({ refreshToken: "new" }),
        store.saveToken({ id: "another", refreshToken: "taken" }, { ifRevision: 0 }),
        store.saveToken({ refreshToken: "whole", accessToken: "a" }),
      ]);
      expect(
        outcomes.map((outcome) =>
          outcome.status === "fulfilled" ? (outcome.value?.refreshToken ?? null) : outcome.reason.code,
        ),
      ).toEqual(["ERR_CORRUPT", "whole", null, "whole", "new", "ERR_CONFLICT", "whole"]);
      await admin.set(keysIn(namespace).users, "not a sorted set");
      const [fine, refused] = await Promise.allSettled([
        store.saveToken({ refreshToken: "of nobody" }),
        store.saveToken({ ...user, refreshToken: "of somebody" }),
      ]);
      expect(fine).toMatchObject({ value: { refreshToken: "of nobody", revision: 1 } });
      expect(refused).toMatchObject({ reason: { code: "ERR_CORRUPT" } });
    });

    it.runIf(isOurs)("scripts that the server forgot are loaded again", async () => {
      await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
      await store.saveToken({ ...user, refreshToken: "r" });
      await admin.script("FLUSH");
      expect(await store.saveToken({ ...user, accessToken: "a" })).toMatchObject({ revision: 2 });
      await admin.script("FLUSH");
      expect(await store.findToken(user)).toMatchObject({ accessToken: "a" });
      await admin.script("FLUSH");
      expect(await store.withLock("k", (lease) => lease.fence)).toBeGreaterThan(0);
    });

    it("a client that was passed in keeps its prefix, and stays open", async () => {
      const namespace = freshNamespace();
      const client = new Redis(url, { keyPrefix: "app:" });
      const store = new RedisTokenStore({ client, namespace });
      await store.saveToken({ ...user, refreshToken: "r" });
      expect(await admin.exists(`app:${keysIn(namespace).records}`)).toBe(1);
      expect(await admin.exists(keysIn(namespace).records)).toBe(0);
      await store.close();
      expect(await client.ping()).toBe("PONG");
      client.disconnect();
    });

    it("a client that was passed in may give numbers as strings, and batch by itself", async () => {
      const client = new Redis(url, { stringNumbers: true, enableAutoPipelining: true });
      await using store = new RedisTokenStore({ client, namespace: freshNamespace(), leaseMs: 300 });
      const token = { ...user, refreshToken: "r" };
      expect(await store.saveToken(token)).toMatchObject({ revision: 1 });
      expect(await store.saveToken(token)).toMatchObject({ revision: 2 });
      const twice = await Promise.all([store.findToken(token), store.findToken(token)]);
      expect(twice).toMatchObject([{ revision: 2 }, { revision: 2 }]);
      const work = () => new Promise((resolve) => setTimeout(resolve, 500, "done"));
      expect(await store.withLock("k", work)).toBe("done");
      await store.close();
      client.disconnect();
    });
  });
}
