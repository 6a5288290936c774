import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it, vi } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/schema.js";
import { errorOf, freshNamespace } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

for (const name of ["redis", "valkey"] as const) {
  await describeOnServer(name, ({ url, container }) => {
    // A server that the environment names may have other users, whom a full memory would stop too.
    const isOurs = container !== undefined;
    const admin = new Redis(url);
    afterAll(() => admin.disconnect());

    it("what can't be read is ERR_CORRUPT, and the message says where it is", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const { id } = await store.saveToken({ ...user, refreshToken: "r" });
      const { records, index } = keysIn(namespace);
      await admin.hset(records, id ?? "", 'etag {"refreshToken":"half-a-sec');
      const broken = await errorOf(store.findToken(user));
      expect(broken.code).toBe("ERR_CORRUPT");
      expect(broken.message).toContain(records);
      expect(broken.message).toContain(id);
      expect(`${broken.message}${String(broken.cause)}`).not.toContain("half-a-sec");
      await admin.set(index, "a string");
      expect((await errorOf(store.findToken({ refreshToken: "r" }))).code).toBe("ERR_CORRUPT");
    });

    it("a client that is not connected, or no longer, serves as well as one that is", async () => {
      const client = new Redis(url, { lazyConnect: true });
      for (const status of ["wait", "end"]) {
        if (status === "end") client.disconnect();
        await vi.waitFor(() => expect(client.status).toBe(status));
        await using store = new RedisTokenStore({ client, namespace: freshNamespace() });
        expect(await store.saveToken({ ...user, refreshToken: "r" })).toMatchObject({ revision: 1 });
      }
    });

    it("an index entry whose record somebody removed by hand is in nobody's way", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace });
      const { id } = await store.saveToken({ ...user, refreshToken: "r" });
      await admin.hdel(keysIn(namespace).records, id ?? "");
      expect(await store.findToken(user)).toBeNull();
      expect(await store.getTokens()).toEqual([]);
      expect(await store.saveToken({ ...user, refreshToken: "r" })).toMatchObject({ revision: 1 });
    });

    it("with a key of another type a store does not open, and nothing is half saved", async () => {
      const namespace = freshNamespace();
      const { order, records, index } = keysIn(namespace);
      await using store = new RedisTokenStore({ url, namespace });
      await admin.set(order, "a string");
      expect((await errorOf(store.saveToken({ ...user, refreshToken: "r" }))).code).toBe("ERR_CORRUPT");
      expect(await admin.exists(records, index)).toBe(0);
      await admin.del(order);
      expect(await store.saveToken({ ...user, refreshToken: "r" })).toMatchObject({ revision: 1 });
    });

    it.each(["create", "existing"] as const)(
      "a newer layout is refused, untouched (open: %s)",
      async (open) => {
        const namespace = freshNamespace();
        const { meta } = keysIn(namespace);
        await admin.hset(meta, "layout", "2");
        await using store = new RedisTokenStore({ url, namespace, open });
        const error = await errorOf(store.saveToken({ ...user, refreshToken: "r" }));
        expect(error).toMatchObject({ code: "ERR_SCHEMA", retryable: false });
        expect(error.message).toContain("layout 2");
        expect(await admin.hgetall(meta)).toEqual({ layout: "2" });
        expect(await admin.exists(keysIn(namespace).records)).toBe(0);
      },
    );

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
      "a replica, too few replicas and a busy server are ERR_UNAVAILABLE, and the message says which",
      async () => {
        await using store = new RedisTokenStore({ url, namespace: freshNamespace(), timeoutMs: 1500 });
        const token = { ...user, refreshToken: "r" };
        await store.saveToken(token);
        const refused = async (advice: string) => {
          const error = await errorOf(store.saveToken(token));
          expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true, uncertain: false });
          expect(error.message).toContain(advice);
          expect(error.message).toMatch(/try again/i);
        };
        await admin.replicaof("127.0.0.1", 1);
        await refused("a replica");
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

    it("without a replica, waitReplicas says that only the master has the save", async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace, waitReplicas: 1, timeoutMs: 1500 });
      const error = await errorOf(store.saveToken({ ...user, refreshToken: "r" }));
      expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true, uncertain: true });
      expect(error.message).toContain("only 0 of 1 replicas");
      await using other = new RedisTokenStore({ url, namespace });
      expect(await other.getTokens()).toHaveLength(1);
    });
  });
}
