import type { Case, Kit } from "../case.js";
import { check, expectRejection, expectToken, same } from "../expect.js";
import { startChild } from "../processes/index.js";

/** Generous: after this, only a process that something keeps alive still runs. */
const EXIT_WITHIN_MS = 15_000;

const importable = { id: "closing-id", refreshToken: "r", revision: 1, createdAt: 1, savedAt: 1 };

/** Every method of a store, called so that it would succeed. */
const CALLS: Readonly<Record<string, (store: Kit["store"]) => Promise<unknown>>> = {
  findToken: (store) => store.findToken({ refreshToken: "closing-refresh" }),
  findTokenById: (store) => store.findTokenById("closing-id"),
  saveToken: (store) => store.saveToken({ refreshToken: "closing-new" }),
  importToken: (store) => store.importToken(importable),
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
    await expectRejection(() => call(store), "ERR_STORE_CLOSED");
  }
}

export const closing: Case[] = [
  {
    checks: ["5.4a"],
    name: "close can be called twice, in sequence and concurrently",
    async run(kit) {
      await kit.store.saveToken({ refreshToken: "closing-refresh" });
      await Promise.all([kit.store.close(), kit.store.close()]);
      await kit.store.close();
    },
  },
  {
    checks: ["5.4c", "7.2f"],
    name: "after close every method rejects with ERR_STORE_CLOSED",
    async run(kit) {
      await kit.store.saveToken({ refreshToken: "closing-refresh" });
      await kit.store.close();
      await everyCallIsClosed(kit, kit.store);
    },
  },
  {
    checks: ["5.4c"],
    name: "a store that was never used can be closed, and is closed then",
    async run(kit) {
      const store = await kit.open();
      await store.close();
      await everyCallIsClosed(kit, store);
    },
  },
  {
    checks: ["5.4b"],
    name: "close waits for saves in progress",
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
      const saved = Array.from({ length: 10 }, () => "save");
      same(settled, [...saved, "close"], "what ended, in order,");
    },
  },
  {
    checks: ["5.4b"],
    name: "close lets finds and deletes in progress succeed",
    async run(kit) {
      const store = await kit.open();
      await store.saveToken({ id: "one", refreshToken: "r" });
      await store.saveToken({ id: "two", refreshToken: "r2" });
      const calls = [store.findToken({ refreshToken: "r" }), store.findTokenById("one")];
      const listing = store.getTokens();
      const deleting = store.deleteToken("two");
      await store.close();
      for (const found of await Promise.all(calls)) expectToken(found, { id: "one", refreshToken: "r" });
      check(Array.isArray(await listing), "an array from getTokens()", "none");
      same(await deleting, undefined, "what deleteToken resolves with");
    },
  },
  {
    checks: ["5.4b"],
    name: "saves in progress at close are kept",
    needs: ["durable"],
    async run(kit) {
      const store = await kit.open();
      const saves = Array.from({ length: 10 }, (_, index) =>
        store.saveToken({ refreshToken: `closing-${index}` }),
      );
      await store.close();
      await Promise.all(saves);
      same((await (await kit.open()).getTokens()).length, 10, "the number of records");
    },
  },
  {
    checks: ["5.4b", "5.4c"],
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
      await expectRejection(() => store.withLock("closing", () => "ran"), "ERR_STORE_CLOSED");
      finish();
      await Promise.all([held, closed]);
      same(settled, ["work", "close"], "what ended, in order,");
    },
  },
  {
    checks: ["5.4d"],
    name: "a call that waits for a lock when the store is closed gets ERR_STORE_CLOSED",
    needs: ["locks"],
    async run(kit) {
      const store = await kit.open();
      let waiting: Promise<unknown> | undefined;
      let closed: Promise<unknown> | undefined;
      await store.withLock("closing", async () => {
        waiting = expectRejection(() => store.withLock("closing", () => "ran"), "ERR_STORE_CLOSED");
        closed = store.close();
        await waiting;
      });
      await closed;
    },
  },
  {
    checks: ["5.4e"],
    name: "await using closes the store",
    async run(kit) {
      const store = await kit.open();
      same(typeof store[Symbol.asyncDispose], "function", "the type of store[Symbol.asyncDispose]");
      await store.saveToken({ refreshToken: "closing-refresh" });
      await store[Symbol.asyncDispose]();
      await everyCallIsClosed(kit, store);
    },
  },
  {
    checks: ["5.4f", "5.1c"],
    name: "a closed store leaves nothing behind that keeps the process alive",
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
      check(
        await child.endsWithin(EXIT_WITHIN_MS),
        "a process that ends by itself after close()",
        `one that still runs ${EXIT_WITHIN_MS} ms later`,
      );
    },
  },
];
