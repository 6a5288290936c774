import { readFile } from "node:fs/promises";
import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/schema.js";
import { errorOf, freshNamespace } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

for (const name of ["redis", "valkey"] as const) {
  await describeOnServer(name, ({ url }) => {
    const admin = new Redis(url);
    afterAll(() => admin.disconnect());

    it("a user without a client finds the record saved last, also after that was deleted", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const { userSignature } = user;
      const save = (clientId: string) => store.saveToken({ userSignature, clientId, refreshToken: clientId });
      const found = async () => (await store.findToken({ userSignature }))?.clientId ?? null;
      for (const clientId of ["a", "b", "c"]) {
        await save(clientId);
        await new Promise((resolve) => setTimeout(resolve, 2)); // another millisecond
      }
      expect(await found()).toBe("c");
      const b = await save("b");
      expect(await found()).toBe("b");
      await store.deleteToken(b.id ?? "");
      expect(await found()).toBe("c");
    });

    it("nothing is left of a namespace whose records were deleted one by one", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const token = { ...user, grantToken: "g", refreshToken: "r", accessToken: "a" };
      const { id } = await store.saveToken(token);
      const saved = await store.saveToken({
        id,
        userSignature: { name: "ben" },
        clientId: "d",
        accessToken: "b",
      });
      await store.saveToken(saved.with({ grantToken: null }));
      await store.deleteToken(id ?? "");
      const { records, index, users, order } = keysIn(namespace);
      expect(await admin.exists(records, index, users, order)).toBe(0);
    });

    it("key names and index entries contain no secret, and people can read a record", async () => {
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
      const [, etag, json = ""] = /^(\S+) (.*)$/.exec((await admin.hget(records, id ?? "")) ?? "") ?? [];
      expect(JSON.parse(json)).toMatchObject({ userName: "ann", revision: 1, etag });
    });

    it("namespaces that look like patterns, tags and keys stay apart, and deleteTokens leaves the others alone", async () => {
      const base = freshNamespace();
      const long = "x".repeat(200);
      const parts = [
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
        long,
        `${long}y`,
        "\0",
        "' .. x",
      ];
      const stores = parts.map((part) => new RedisTokenStore({ url, namespace: base + part }));
      for (const [i, store] of stores.entries()) await store.saveToken({ refreshToken: `r${i}` });
      await stores[1]?.deleteTokens();
      for (const [i, store] of stores.entries()) {
        const found = (await store.getTokens()).map((token) => token.refreshToken);
        expect(found).toEqual(i === 1 ? [] : [`r${i}`]);
        await store.deleteTokens();
        await store.close();
      }
    });

    it("the keys are those that the README lists", async () => {
      const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
      const pattern = /`(?:…|\{tokenkeep:<namespace>\}):(\w+)(?::<digest>)?`/g;
      const names = [...readme.matchAll(pattern)].map(([, key]) => key);
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      await store.saveToken({ ...user, refreshToken: "r" });
      const keys = await store.withLock("k", async () => {
        await using other = new RedisTokenStore({ url, namespace });
        await other.withLock("k", () => {}, { timeoutMs: 100 }).catch(() => {});
        return admin.keys(`*${namespace}*`);
      });
      const found = keys.map((key) => /^\{tokenkeep:[^}]*\}:(\w+)/.exec(key)?.[1]);
      expect(found).toEqual(
        expect.arrayContaining(["records", "index", "users", "order", "meta", "fence", "lock"]),
      );
      expect(names).toEqual(expect.arrayContaining(found));
    });

    it("getTokens during deleteTokens returns what was there before or after, never a mix", async () => {
      const namespace = freshNamespace();
      await using reader = new RedisTokenStore({ url, namespace, timeoutMs: 60_000 });
      await using writer = new RedisTokenStore({ url, namespace, timeoutMs: 60_000 });
      const RECORDS = 600; // more than one script reads
      const outcomes = new Set<string>();
      for (let round = 0; round < 6; round++) {
        const saves = Array.from({ length: RECORDS }, (_, i) =>
          writer.saveToken({ refreshToken: `old${i}` }),
        );
        await Promise.all(saves);
        const reading = reader.getTokens();
        await new Promise((resolve) => setTimeout(resolve, round));
        await writer.deleteTokens();
        await writer.saveToken({ refreshToken: "new" });
        const seen = (await reading).map((token) => token.refreshToken?.replace(/\d+$/, "") ?? "");
        outcomes.add([...new Set(seen)].join("+"));
        if (seen.includes("old")) expect(seen).toHaveLength(RECORDS);
        await writer.deleteTokens();
      }
      expect([...outcomes].filter((outcome) => !["old", "new", ""].includes(outcome))).toEqual([]);
    });

    it("more records than one script reads all come, in order", async () => {
      await using store = new RedisTokenStore({ url, namespace: freshNamespace(), timeoutMs: 60_000 });
      await Promise.all(Array.from({ length: 600 }, (_, i) => store.saveToken({ refreshToken: `r${i}` })));
      const all = await store.getTokens();
      expect(new Set(all.map((token) => token.refreshToken)).size).toBe(600);
      const times = all.map((token) => token.createdAt ?? 0);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      const seen: (string | null)[] = [];
      for await (const token of store.tokens()) seen.push(token.id);
      expect(seen).toEqual(all.map((token) => token.id));
    });

    it("a fence grows even if the last one was lost", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const first = await store.withLock("k", (lease) => lease.fence);
      await admin.del(keysIn(namespace).fence);
      expect(await store.withLock("k", (lease) => lease.fence)).toBeGreaterThan(first);
    });

    it('open: "existing" creates nothing, and says that nothing is there', async () => {
      const namespace = freshNamespace();
      await using looking = new RedisTokenStore({ url, namespace, open: "existing" });
      const error = await errorOf(looking.getTokens());
      expect(error).toMatchObject({ code: "ERR_SCHEMA", retryable: false });
      expect(error.message).toContain("no store with this namespace");
      expect(await admin.keys(`*${namespace}*`)).toEqual([]);
      await using store = new RedisTokenStore({ url, namespace });
      await store.saveToken({ ...user, refreshToken: "r" });
      expect(await looking.findToken(user)).toMatchObject({ refreshToken: "r" });
      await store.deleteTokens();
      await using empty = new RedisTokenStore({ url, namespace, open: "existing" });
      expect(await empty.getTokens()).toEqual([]); // an empty store is a store
    });

    it("a token of 446 bytes takes at most 1.5 kB", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace, timeoutMs: 60_000 });
      const RECORDS = 1000;
      const tokenOf = (i: number) => ({
        userSignature: { name: `user-${String(i).padStart(6, "0")}@example.com` },
        clientId: "1000.CLIENTCLIENTCLIENTCLIENTCLIENT",
        clientSecret: "s".repeat(42),
        redirectUrl: "https://app.example.com/oauth/callback",
        refreshToken: `1000.${"r".repeat(58)}${String(i).padStart(6, "0")}`,
        accessToken: `1000.${"a".repeat(58)}${String(i).padStart(6, "0")}`,
        expiresAt: Date.now() + 3_600_000,
        apiDomain: "https://www.example-apis.com",
      });
      const bytes = Buffer.byteLength(JSON.stringify(tokenOf(0)));
      expect(Math.abs(bytes - 446)).toBeLessThan(20);
      await Promise.all(Array.from({ length: RECORDS }, (_, i) => store.saveToken(tokenOf(i))));
      let used = 0;
      const { records, index, users, order } = keysIn(namespace);
      for (const key of [records, index, users, order]) {
        used += Number(await admin.memory("USAGE", key, "SAMPLES", 0));
      }
      expect(used / RECORDS).toBeLessThan(1500);
    });
  });
}
