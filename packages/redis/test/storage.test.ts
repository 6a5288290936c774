import { readFile } from "node:fs/promises";
import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/keys.js";
import { freshNamespace } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

for (const name of ["redis", "valkey"] as const) {
  await describeOnServer(name, ({ url }) => {
    const admin = new Redis(url);
    afterAll(() => admin.disconnect());

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
