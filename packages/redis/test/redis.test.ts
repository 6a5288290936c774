import { readFile } from "node:fs/promises";
import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/keys.js";
import { errorOf, freshNamespace } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

for (const name of ["redis", "valkey"] as const) {
  await describeOnServer(name, ({ url, container }) => {
    // a server that the environment names may have other users, whom a full memory or a reset would meet
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

    it("a user without a client leads to the record saved last, also once that has gone", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      await using brief = new RedisTokenStore({ url, namespace, ttlMs: 300 });
      const { userSignature } = user;
      const saved = (clientId: string, by = store) =>
        by.saveToken({ userSignature, clientId, refreshToken: clientId });
      const found = async () => (await store.findToken({ userSignature }))?.clientId ?? null;
      await saved("a");
      const b = await saved("b");
      await saved("c");
      expect(await found()).toBe("c");
      await saved("b");
      expect(await found()).toBe("b");
      await store.deleteToken(b.id ?? "");
      expect(await found()).toBe("c");
      await saved("d", brief);
      expect(await found()).toBe("d");
      await expect.poll(found).toBe("c");
      const { users, index } = keysIn(namespace);
      await store.deleteTokens();
      expect(await admin.exists(users, index)).toBe(0);
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

    it("key names and index entries hold no secret, a record can be read by a person", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const secrets = ["s-refresh", "s-access", "s-grant"] as const;
      const [refreshToken, accessToken, grantToken] = secrets;
      const { id } = await store.saveToken({ ...user, refreshToken, accessToken, grantToken });
      const { records, index, order, users } = keysIn(namespace);
      const shown = JSON.stringify([
        await admin.keys(`*${namespace}*`),
        await admin.hgetall(index),
        await admin.zrange(order, "0", "-1"),
        await admin.zrange(users, "0", "-1"),
      ]);
      for (const secret of secrets) expect(shown).not.toContain(secret);
      expect(
        JSON.parse((await admin.hget(records, (await admin.hget(index, `:${id}`)) ?? "")) ?? ""),
      ).toMatchObject({
        userName: "ann",
        revision: 1,
      });
    });

    it("namespaces that look like patterns, tags and keys stay apart, and deleteTokens keeps to its own", async () => {
      const base = freshNamespace();
      const names = [
        "",
        "*",
        "{",
        "}",
        "{}",
        "{a}",
        ":records",
        "a",
        "%7Ba%7D",
        "ü",
        "x".repeat(200),
        `${"x".repeat(200)}y`,
        "\0",
        "' .. x",
      ];
      const stores = names.map((part) => new RedisTokenStore({ url, namespace: base + part }));
      for (const [i, store] of stores.entries()) await store.saveToken({ refreshToken: `r${i}` });
      await stores[1]?.deleteTokens();
      for (const [i, store] of stores.entries()) {
        const found = (await store.getTokens()).map((token) => token.refreshToken);
        expect(found).toEqual(i === 1 ? [] : [`r${i}`]);
        await store.deleteTokens();
        await store.close();
      }
    });

    it("everything that a record had ends with ttlMs after the last save", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace, ttlMs: 1500 });
      const { records, index, order, users, ends } = keysIn(namespace);
      const { id } = await store.saveToken({ ...user, refreshToken: "r1", accessToken: "a1" });
      const place = (await admin.hget(index, `:${id}`)) ?? "";
      const endsAt = async () => Number(await admin.zscore(ends, place));
      const first = await endsAt();
      await expect.poll(async () => (await admin.time())[0]).not.toBe(String(Math.floor(first / 1000) - 2));
      await store.saveToken({ ...user, accessToken: "a2" });
      expect(await endsAt()).toBeGreaterThan(first); // it lives on
      expect(await admin.call("HPEXPIRETIME", records, "FIELDS", "1", place)).toEqual([await endsAt()]);
      const left = () => admin.exists(records, index, order, users, ends);
      await expect.poll(left, { timeout: 10_000 }).toBe(0);
      expect(await store.findToken(user)).toBeNull();
      expect(await store.getTokens()).toEqual([]);
      expect(await store.saveToken({ ...user, refreshToken: "r1" })).toMatchObject({ revision: 1 });
    });

    it("records without an end stay beside those with one, and later saves take away what ended", async () => {
      const namespace = freshNamespace();
      await using brief = new RedisTokenStore({ url, namespace, ttlMs: 100 });
      await using lasting = new RedisTokenStore({ url, namespace });
      const kept = await brief.saveToken({ ...user, refreshToken: "kept" });
      await lasting.saveToken({ id: kept.id, accessToken: "a" }); // its last save gives it no end
      await brief.saveToken({ userSignature: { name: "ben" }, refreshToken: "gone" });
      await expect.poll(() => lasting.findToken({ refreshToken: "gone" })).toBeNull();
      await lasting.saveToken({ refreshToken: "new" });
      expect((await lasting.getTokens()).map((token) => token.refreshToken)).toEqual(["kept", "new"]);
      const { index, order, users } = keysIn(namespace);
      const leads = (await admin.hkeys(index)).filter((field) => field.startsWith("="));
      expect([leads.length, await admin.zcard(order), await admin.zcard(users)]).toEqual([2, 2, 1]);
      expect(await admin.pttl(index)).toBe(-1);
    });

    it("what can't be read is ERR_CORRUPT and names the place", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const { id } = await store.saveToken({ ...user, refreshToken: "r" });
      const { records, index } = keysIn(namespace);
      const place = (await admin.hget(index, `:${id}`)) ?? "";
      await admin.hset(records, place, '{"refreshToken":"half-a-sec');
      const broken = await errorOf(store.findToken(user));
      expect(broken.code).toBe("ERR_CORRUPT");
      expect(broken.message).toContain(records);
      expect(`${broken.message}${String(broken.cause)}`).not.toContain("half-a-sec");
      await admin.hset(records, ":lonely", "{}");
      const lonely = await errorOf(store.saveToken({ id: "lonely", refreshToken: "s" }));
      expect(lonely.code).toBe("ERR_CORRUPT");
      await admin.set(index, "a string");
      expect((await errorOf(store.findToken({ refreshToken: "r" }))).code).toBe("ERR_CORRUPT");
      await admin.set(records, "a string");
      expect((await errorOf(store.findToken(user))).code).toBe("ERR_CORRUPT");
    });

    it("a newer layout is refused, untouched", async () => {
      const namespace = freshNamespace();
      const { meta } = keysIn(namespace);
      await admin.hset(meta, "layout", "2");
      await using store = new RedisTokenStore({ url, namespace });
      expect((await errorOf(store.saveToken({ ...user, refreshToken: "r" }))).code).toBe("ERR_SCHEMA");
      expect(await admin.hgetall(meta)).toEqual({ layout: "2" });
      expect(await admin.exists(keysIn(namespace).records)).toBe(0);
    });

    it.runIf(isOurs)(
      "a full memory is ERR_UNAVAILABLE with nothing half written; finds and deletes go on",
      async () => {
        await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
        const { id } = await store.saveToken({ ...user, refreshToken: "refresh-1" });
        await admin.config("SET", "maxmemory", "1");
        try {
          const error = await errorOf(store.saveToken({ ...user, accessToken: "secret-a" }));
          expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
          expect(error.message).toContain("maxmemory");
          expect(await store.findToken(user)).toMatchObject({ revision: 1, accessToken: null });
          await store.deleteToken(id ?? "");
        } finally {
          await admin.config("SET", "maxmemory", "0");
        }
        expect(await store.getTokens()).toEqual([]);
      },
    );

    it.runIf(isOurs)(
      "a replica, too few replicas and a busy server are ERR_UNAVAILABLE, and say which",
      async () => {
        await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
        const token = { ...user, refreshToken: "r" };
        await store.saveToken(token);
        const refused = async (advice: string) => {
          const error = await errorOf(store.saveToken(token));
          expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
          expect(error.message).toContain(advice);
          expect(error.message).toMatch(/try again/i);
        };
        await admin.replicaof("127.0.0.1", 1);
        await refused("a replica now");
        await admin.replicaof("NO", "ONE");
        await admin.config("SET", "min-replicas-to-write", "1");
        await refused("fewer replicas");
        expect(await store.findToken(user)).toMatchObject({ revision: 1 });
        await admin.config("SET", "min-replicas-to-write", "0");
        await admin.config("SET", "busy-reply-threshold", "50");
        const other = new Redis(url);
        const loop = other.eval("while true do end", 0).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 300));
        await refused("another client's script").finally(() => admin.script("KILL"));
        await loop;
        other.disconnect();
        expect(await store.saveToken(token)).toMatchObject({ revision: 2 });
      },
    );

    it("no error holds a command's arguments", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      await store.getTokens();
      await admin.set(keysIn(namespace).records, "a string");
      const error = await errorOf(store.saveToken({ ...user, refreshToken: "a-secret" }));
      const { cause } = error;
      expect(JSON.stringify([error, cause, Object.getOwnPropertyDescriptors(cause)])).not.toContain(
        "a-secret",
      );
      expect(cause).not.toHaveProperty("command");
    });

    it("without a replica, waitReplicas tells that only the master has the save", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace, waitReplicas: 1, timeoutMs: 1500 });
      const error = await errorOf(store.saveToken({ ...user, refreshToken: "r" }));
      expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
      expect(error.message).toContain("only 0 of 1 replicas");
      await using other = new RedisTokenStore({ url, namespace });
      expect(await other.getTokens()).toHaveLength(1);
    });

    it("the keys are those that the README lists", async () => {
      const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
      const names = [...readme.matchAll(/`(?:…|\{tokenkeep:<namespace>\}):(\w+)(?::<digest>)?`/g)].map(
        ([, name]) => name,
      );
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace, ttlMs: 60_000 });
      await store.saveToken({ ...user, refreshToken: "r" });
      const keys = await store.withLock("k", async () => {
        await store.withLock("k", () => {}, { timeoutMs: 0 }).catch(() => {});
        await using other = new RedisTokenStore({ url, namespace });
        await other.withLock("k", () => {}, { timeoutMs: 0 }).catch(() => {});
        return admin.keys(`*${namespace}*`);
      });
      const found = keys.map((key) => /^\{tokenkeep:[^}]*\}:(\w+)/.exec(key)?.[1]);
      expect(found).toEqual(
        expect.arrayContaining(["records", "index", "users", "order", "ends", "meta", "fence", "lock"]),
      );
      expect(names).toEqual(expect.arrayContaining(found));
    });

    it("a getTokens that meets deleteTokens gives what was before or after, never a mix", async () => {
      const namespace = freshNamespace();
      await using reader = new RedisTokenStore({ url, namespace });
      await using writer = new RedisTokenStore({ url, namespace });
      const fill = (kind: string) =>
        Promise.all(
          Array.from({ length: 1200 }, (_, i) => writer.saveToken({ refreshToken: `${kind}${i}` })),
        );
      const outcomes = new Set<string>();
      for (let round = 0; round < 8; round++) {
        await fill("old");
        const reading = reader.getTokens();
        await new Promise((resolve) => setTimeout(resolve, round));
        await writer.deleteTokens();
        await writer.saveToken({ refreshToken: "new" });
        const seen = (await reading).map((token) => token.refreshToken?.replace(/\d+$/, "") ?? "");
        outcomes.add([...new Set(seen)].join("+"));
        if (seen.includes("old")) expect(seen).toHaveLength(1200);
        await writer.deleteTokens();
      }
      expect([...outcomes].filter((outcome) => !["old", "new", ""].includes(outcome))).toEqual([]);
    });

    it("more records than one script reads come all, in order, whatever their createdAt", async () => {
      await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
      await Promise.all(Array.from({ length: 1200 }, (_, i) => store.saveToken({ refreshToken: `r${i}` })));
      expect(new Set((await store.getTokens()).map((token) => token.refreshToken)).size).toBe(1200);
      const seen: (string | null)[] = [];
      for await (const token of store.tokens()) seen.push(token.id);
      expect(new Set(seen).size).toBe(1200);
    });

    it("a fence grows also where the counter was lost", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const first = await store.withLock("k", (lease) => lease.fence);
      await admin.del(keysIn(namespace).fence);
      expect(await store.withLock("k", (lease) => lease.fence)).toBeGreaterThan(first);
    });
  });
}
