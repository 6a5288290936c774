import { fork } from "node:child_process";
import { once } from "node:events";
import { BaseTokenStore, type Lookup, opaqueKey, type TokenInput } from "@tokenkeep/core";
import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/keys.js";
import { checkOptions } from "../src/options.js";
import { RedisBackend } from "../src/redis-backend.js";
import { freshNamespace } from "./support/helpers.js";

const ann = { userSignature: { name: "ann" } };
const ben = { userSignature: { name: "ben" } };

// A record is under its user and client, and moves when these change: what only that can break.
for (const name of ["redis", "valkey"] as const) {
  await describeOnServer(name, ({ url }) => {
    const admin = new Redis(url);
    afterAll(() => admin.disconnect());

    /** Every field and member that there is, each of which must lead to a record. */
    async function sizes(namespace: string) {
      const { records, index, users, order, ends } = keysIn(namespace);
      const fields = Object.entries(await admin.hgetall(index));
      const places = await admin.hkeys(records);
      for (const [field, value] of fields)
        expect(places).toContain(field[0] === "=" ? field.slice(1) : value);
      for (const member of await admin.zrange(users, "0", "-1")) {
        expect(places).toContain(member.slice(member.indexOf(":") + 1));
      }
      return [
        places.length,
        fields.length,
        await admin.zcard(users),
        await admin.zcard(order),
        await admin.zcard(ends),
      ];
    }

    for (const ttlMs of [undefined, 60_000]) {
      it(`a record that gets a user, a client, another user and client moves, ttlMs ${ttlMs}`, async () => {
        const namespace = freshNamespace();
        await using store = new RedisTokenStore({ url, namespace, ttlMs });
        const ended = ttlMs === undefined ? 0 : 1;
        const { id } = await store.saveToken({ id: "an id: with\0all", refreshToken: "r" });
        expect(await sizes(namespace)).toEqual([1, 3, 0, 1, ended]);
        const steps = [
          { ...ann, refreshToken: "r" },
          { ...ann, clientId: "c", accessToken: "a" },
          { id, ...ann, clientId: "d", refreshToken: "r2" },
          { id, ...ben, clientId: "d", accessToken: "a2" },
        ];
        let last = {};
        for (const [i, step] of steps.entries()) {
          expect(await store.saveToken(step)).toMatchObject({ id, revision: i + 2 });
          const { userSignature, clientId } = { ...last, ...step } as typeof ann & { clientId?: string };
          for (const query of [
            { userSignature, clientId },
            { userSignature },
            { id },
            { refreshToken: i < 2 ? "r" : "r2" },
          ]) {
            expect(await store.findToken(query)).toMatchObject({ id, revision: i + 2 });
          }
          expect(await sizes(namespace)).toEqual([1, i === 0 ? 4 : 5, 1, 1, ended]);
          last = step;
        }
        // nothing is left where it was, and all that it had may be another's
        for (const query of [{ ...ann, clientId: "d" }, ann, { refreshToken: "r" }, { accessToken: "a" }]) {
          expect(await store.findToken(query)).toBeNull();
        }
        const other = await store.saveToken({ ...ann, clientId: "c", refreshToken: "r", accessToken: "a" });
        expect(other).toMatchObject({ revision: 1 });
        expect((await store.getTokens()).map((token) => token.id)).toEqual([id, other.id]);
        await store.deleteToken(id ?? "");
        expect(await sizes(namespace)).toEqual([1, 5, 1, 1, ended]);
        await store.deleteToken(other.id ?? "");
        expect(await sizes(namespace)).toEqual([0, 0, 0, 0, 0]);
      });

      it(`a place that is another's is refused, nothing moved, ttlMs ${ttlMs}`, async () => {
        const namespace = freshNamespace();
        await using store = new RedisTokenStore({ url, namespace, ttlMs });
        const first = await store.saveToken({ ...ann, clientId: "c", refreshToken: "r1" });
        const second = await store.saveToken({ ...ben, clientId: "c", refreshToken: "r2" });
        const before = await sizes(namespace);
        await expect(store.saveToken({ id: second.id, ...ann, accessToken: "a" })).rejects.toMatchObject({
          code: "ERR_CONFLICT",
          id: first.id,
        });
        expect(await store.findToken({ ...ann, clientId: "c" })).toEqual(first);
        expect(await store.findToken({ ...ben, clientId: "c" })).toEqual(second);
        expect(await sizes(namespace)).toEqual(before);
      });
    }

    /** Saves a record that ends soon, waits for that, and keeps saves from sweeping away what it leaves. */
    async function ended(namespace: string, token: TokenInput & { id: string }): Promise<void> {
      await using brief = new RedisTokenStore({ url, namespace, ttlMs: 50 });
      const { index, ends } = keysIn(namespace);
      await brief.saveToken(token);
      const place = (await admin.hget(index, `:${token.id}`)) ?? "";
      await admin.zadd(ends, "XX", 9e15, place);
      await admin.persist(index);
      await admin.persist(ends);
      await expect.poll(() => brief.findTokenById(token.id)).toBeNull();
      expect(await admin.hexists(index, `=${place}`)).toBe(1);
    }

    it("a record that has ended gives up its place, and takes nothing from who has it then", async () => {
      const namespace = freshNamespace();
      const token = { ...ann, clientId: "c", refreshToken: "r" };
      await ended(namespace, { id: "gone", ...token });
      await using store = new RedisTokenStore({ url, namespace });
      const kept = await store.saveToken({ id: "kept", ...token, accessToken: "a" });
      expect(kept).toMatchObject({ id: "kept", revision: 1 });
      await store.deleteToken("gone");
      const queries = [{ ...ann, clientId: "c" }, ann, { refreshToken: "r" }, { accessToken: "a" }];
      for (const query of [...queries, { id: "kept" }]) expect(await store.findToken(query)).toEqual(kept);
      expect(await sizes(namespace)).toEqual([1, 5, 1, 1, 0]);
    });

    it("the id and the token of a record that has ended may be another user's", async () => {
      const namespace = freshNamespace();
      await ended(namespace, { id: "x", ...ann, refreshToken: "r" });
      await using store = new RedisTokenStore({ url, namespace });
      const moved = await store.saveToken({ id: "x", ...ben, refreshToken: "r" });
      expect(moved).toMatchObject({ revision: 1 });
      expect(await store.getTokens()).toEqual([moved]);
      expect(await store.findToken(ann)).toBeNull();
      expect(await sizes(namespace)).toEqual([1, 4, 1, 1, 0]);
    });

    it("a record that moves is found in another process all the while, and once", async () => {
      const namespace = freshNamespace();
      const backend = new RedisBackend(checkOptions({ url, namespace }));
      await using store = new BaseTokenStore(backend);
      await using wandering = new RedisTokenStore({ url, namespace: `${namespace}-x` });
      const mover = fork(new URL("./support/mover.mjs", import.meta.url), [url, namespace]);
      try {
        let users = 0;
        mover.on("message", () => users++);
        await once(mover, "message");
        for (let round = 0; round < 200 || users < 100; round++) {
          // the mover has just saved this user without a client, and gives it one now
          const name = `user ${users}`;
          const lookups = ["c", null].map(
            (clientId): Lookup => ({ kind: "userClient", key: opaqueKey("userClient", name, clientId) }),
          );
          const read = backend.read(lookups);
          const token = { refreshToken: `r${users}` };
          const found = await Promise.all([
            store.findToken({ userSignature: { name }, clientId: "c" }),
            store.findToken({ userSignature: { name } }),
            store.findToken(token),
          ]);
          for (const one of found) expect(one).toMatchObject(token);
          expect(await read).toHaveLength(1);
          // this one goes from client to client
          expect(await wandering.findTokenById("x")).not.toBeNull();
          expect(await wandering.findToken({ refreshToken: "r" })).toMatchObject({ id: "x" });
          expect(await wandering.findToken(ann)).toMatchObject({ id: "x" });
          expect(await wandering.getTokens()).toHaveLength(1);
        }
      } finally {
        mover.kill();
      }
    });
  });
}
