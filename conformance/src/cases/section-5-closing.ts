import assert from "node:assert/strict";
import type { Case, Kit } from "../case.js";
import { startChild } from "../processes/index.js";

/** Generous: only a process that something keeps alive is still there after it. */
const EXIT_WITHIN_MS = 15_000;

/** Every method of a store, called in a way that would succeed. */
const CALLS: Readonly<Record<string, (store: Kit["store"]) => Promise<unknown>>> = {
  findToken: (store) => store.findToken({ refreshToken: "closing-refresh" }),
  findTokenById: (store) => store.findTokenById("closing-id"),
  saveToken: (store) => store.saveToken({ refreshToken: "closing-new" }),
  deleteToken: (store) => store.deleteToken("closing-id"),
  deleteTokens: (store) => store.deleteTokens(),
  getTokens: (store) => store.getTokens(),
  tokens: async (store) => {
    for await (const _token of store.tokens());
  },
  withLock: (store) => store.withLock("closing", () => "ran"),
};

async function everyCallIsClosed(kit: Kit, store: Kit["store"]): Promise<void> {
  for (const [name, call] of Object.entries(CALLS)) {
    if (name === "withLock" && !kit.capabilities.locks) continue;
    if (name === "tokens" && !kit.capabilities.iteration) continue;
    await assert.rejects(
      call(store),
      { name: "TokenStoreError", code: "ERR_STORE_CLOSED" },
      `${name} on a closed store must reject with ERR_STORE_CLOSED`,
    );
  }
}

export const closing: Case[] = [
  {
    paragraph: "5.4",
    name: "close may be called twice, one after the other and at once",
    async run(kit) {
      await kit.store.saveToken({ refreshToken: "closing-refresh" });
      await Promise.all([kit.store.close(), kit.store.close()]);
      await kit.store.close();
    },
  },
  {
    paragraph: "5.4",
    name: "after close every method rejects with ERR_STORE_CLOSED",
    async run(kit) {
      await kit.store.saveToken({ refreshToken: "closing-refresh" });
      await kit.store.close();
      await everyCallIsClosed(kit, kit.store);
    },
  },
  {
    paragraph: "5.4",
    name: "a store that was never used closes, and is closed then",
    async run(kit) {
      const store = await kit.open();
      await store.close();
      await everyCallIsClosed(kit, store);
    },
  },
  {
    paragraph: "5.4",
    name: "close waits for the saves that are under way",
    async run(kit) {
      const store = await kit.open();
      const settled: string[] = [];
      const saves = Array.from({ length: 10 }, (_, index) =>
        store.saveToken({ refreshToken: `closing-${index}` }).then(
          () => settled.push("save"),
          () => settled.push("failed"),
        ),
      );
      await store.close().then(() => settled.push("close"));
      await Promise.all(saves);
      assert.deepEqual(settled, [...Array.from({ length: 10 }, () => "save"), "close"]);
    },
  },
  {
    paragraph: "5.4",
    name: "saves that were under way at close are kept",
    needs: ["durable"],
    async run(kit) {
      const store = await kit.open();
      const saves = Array.from({ length: 10 }, (_, index) =>
        store.saveToken({ refreshToken: `closing-${index}` }),
      );
      await store.close();
      await Promise.all(saves);
      assert.equal((await (await kit.open()).getTokens()).length, 10);
    },
  },
  {
    paragraph: "5.4",
    name: "close waits for the holder of a lock",
    needs: ["locks"],
    async run(kit) {
      const settled: string[] = [];
      const store = await kit.open();
      let started!: () => void;
      let finish!: () => void;
      const hasStarted = new Promise<void>((resolve) => {
        started = resolve;
      });
      const mayFinish = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const held = store
        .withLock("closing", async () => {
          started();
          await mayFinish;
        })
        .then(() => settled.push("work"));
      await hasStarted;
      const closed = store.close().then(() => settled.push("close"));
      await assert.rejects(
        store.withLock("closing", () => "ran"),
        { code: "ERR_STORE_CLOSED" },
        "a lock asked for after close must be refused at once",
      );
      finish();
      await Promise.all([held, closed]);
      assert.deepEqual(settled, ["work", "close"]);
    },
  },
  {
    paragraph: "5.4",
    name: "who waits for a lock when the store is closed gets ERR_STORE_CLOSED",
    needs: ["locks"],
    async run(kit) {
      const store = await kit.open();
      let waiting: Promise<unknown> | undefined;
      let closed: Promise<unknown> | undefined;
      await store.withLock("closing", async () => {
        waiting = assert.rejects(
          store.withLock("closing", () => "ran"),
          { name: "TokenStoreError", code: "ERR_STORE_CLOSED" },
        );
        closed = store.close();
        await waiting;
      });
      await closed;
    },
  },
  {
    paragraph: "5.4",
    name: "await using closes the store",
    async run(kit) {
      const store = await kit.open();
      assert.equal(typeof store[Symbol.asyncDispose], "function");
      await store.saveToken({ refreshToken: "closing-refresh" });
      await store[Symbol.asyncDispose]();
      await everyCallIsClosed(kit, store);
    },
  },
  {
    paragraph: "5.4",
    name: "a closed store leaves nothing that keeps the process alive",
    async run(kit) {
      const child = await startChild(kit);
      await child.run("save", { tokens: [{ refreshToken: "closing-refresh" }] });
      if (kit.capabilities.locks) {
        await child.run("lockLoop", {
          key: "closing",
          times: 1,
          insideMs: 0,
          mark: `${kit.space.directory}/closing-mark`,
        });
      }
      await child.run("closeAndLeave", {});
      assert.ok(await child.endsWithin(EXIT_WITHIN_MS), "the process did not end by itself after close()");
    },
  },
  {
    paragraph: "5.5",
    name: "a store that is closed and opened again has every record, whole",
    needs: ["durable"],
    async run(kit) {
      const first = await kit.open();
      for (let index = 0; index < 20; index++) {
        await first.saveToken({
          userSignature: { name: `user ${index} 🔑` },
          clientId: "client",
          clientSecret: `secret\0${index}`,
          refreshToken: `refresh ${index}`,
          accessToken: `access\n"${index}"`,
          expiresAt: 1_700_000_000_123 + index,
          apiDomain: "https://api.example",
        });
      }
      await first.deleteToken((await first.findToken({ refreshToken: "refresh 7" }))?.id ?? "");
      const before = (await first.getTokens()).map((token) => token.toPlain());
      await first.close();
      const second = await kit.open();
      assert.deepEqual(
        (await second.getTokens()).map((token) => token.toPlain()),
        before,
      );
      const again = await second.saveToken({ refreshToken: "refresh 3", expiresAt: 5 });
      assert.equal(again.revision, 2, "a save after the store was opened again must update the record");
    },
  },
  {
    paragraph: "5.5",
    name: "what was deleted stays deleted when the store is opened again",
    needs: ["durable"],
    async run(kit) {
      const first = await kit.open();
      const { id } = await first.saveToken({ refreshToken: "gone", userSignature: { name: "gone" } });
      await first.deleteToken(id ?? "");
      await first.close();
      const second = await kit.open();
      assert.deepEqual(await second.getTokens(), []);
      assert.equal(await second.findToken({ refreshToken: "gone" }), null);
    },
  },
];
