import { readFile } from "node:fs/promises";
import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/schema.js";
import { errorOf, freshNamespace } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

for (const name of ["redis", "valkey"] as const) {
  await describeOnServer(name, ({ url, container }) => {
    // A server that the environment names may have other users.
    const isOurs = container !== undefined;
    const admin = new Redis(url);
    afterAll(() => admin.disconnect());
    const { host } = new URL(url);
    const asApp = `redis://app:pass-word@${host}`;

    async function listed(): Promise<string[]> {
      const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
      return /`(\+evalsha[^`]*)`, and in a Cluster/.exec(readme)?.[1]?.split(/\s+/) ?? [];
    }

    function allow(rights: readonly string[]): Promise<unknown> {
      return admin.call("ACL", "SETUSER", "app", "reset", "on", ">pass-word", "~{tokenkeep:*", ...rights);
    }

    it.runIf(isOurs)("a wrong password and a missing right are ERR_PERMISSION", async () => {
      await admin.call("ACL", "SETUSER", "reader", "on", ">pass-word", "~*", "+@read", "+@connection");
      await using wrong = new RedisTokenStore(`redis://reader:not-the-word@${host}`);
      const refused = await errorOf(wrong.findToken(user));
      expect(refused).toMatchObject({ code: "ERR_PERMISSION", retryable: false });
      await using reader = new RedisTokenStore(`redis://reader:pass-word@${host}`);
      expect((await errorOf(reader.findToken(user))).code).toBe("ERR_PERMISSION");
      for (const error of [refused])
        expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("not-the-word");
    });

    it.runIf(isOurs)("those that the README lists are enough", async () => {
      await allow(await listed());
      const options = { url: `${asApp}/2`, namespace: freshNamespace() };
      {
        await using store = new RedisTokenStore(options);
        const { id } = await store.saveToken({ ...user, refreshToken: "r" });
        await store.saveToken({ ...user, accessToken: "a" });
        expect(await store.findToken({ userSignature: user.userSignature })).toMatchObject({ id });
        expect(await store.getTokens()).toHaveLength(1);
        await store.withLock("k", () => {});
        await store.deleteToken(id ?? "");
        await store.deleteTokens();
      }
    });

    it.runIf(isOurs).each(["hset", "hdel", "zadd", "zrem"])(
      "without %s nothing is saved, not even half of it",
      async (command) => {
        const rights = await listed();
        expect(rights).toContain(`+${command}`);
        await allow(rights.filter((right) => right !== `+${command}`));
        const namespace = freshNamespace();
        await using store = new RedisTokenStore({ url: asApp, namespace });
        const { code, message } = await errorOf(store.saveToken({ ...user, refreshToken: "r" }));
        expect(code).toBe("ERR_PERMISSION");
        expect(message).toContain(command);
        const { records, index, order } = keysIn(namespace);
        expect(await admin.exists(records, index, order)).toBe(0);
        await allow(rights);
        expect(await store.saveToken({ ...user, refreshToken: "r" })).toMatchObject({ revision: 1 });
      },
    );

    it.runIf(isOurs)("a database that may not be chosen is not another one", async () => {
      await allow((await listed()).filter((right) => right !== "+select"));
      const namespace = freshNamespace();
      const { records } = keysIn(namespace);
      await using store = new RedisTokenStore({ url: `${asApp}/2`, namespace });
      const save = () => store.saveToken({ ...user, refreshToken: "r" });
      expect((await errorOf(save())).code).toBe("ERR_PERMISSION");
      await using beyond = new RedisTokenStore({ url, clientOptions: { db: 99_999 }, namespace });
      const { code, message } = await errorOf(beyond.saveToken({ ...user, refreshToken: "r" }));
      expect(code).toBe("ERR_INVALID_OPTIONS");
      expect(message).toContain("no database of this number");
      expect(await admin.exists(records)).toBe(0);
      await allow(await listed());
      await save();
      expect(await admin.exists(records)).toBe(0);
      await admin.select(2);
      expect(await admin.exists(records)).toBe(1);
      await admin.select(0);
    });
  });
}
