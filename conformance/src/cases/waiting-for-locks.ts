import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "../case.js";
import { check, expectIds, expectRejection, plain, same } from "../expect.js";
import { inTime } from "../in-time.js";
import { expectFree, expectReason } from "./locks.js";

/** Above the default time limit, for a module that does not pass the option on. */
const LATEST_MS = 15_000;

/** Soon after the lock is free, even on a busy machine. */
const SOON_MS = 2000;

export const waitingForLocks: Case[] = [
  {
    checks: ["6.4a", "7.2d"],
    name: "not getting the lock in time is ERR_LOCK_TIMEOUT, retryable, and work does not run",
    needs: ["locks"],
    async run({ store }) {
      let ran = false;
      await store.withLock("key", async () => {
        for (const timeoutMs of [50, 0]) {
          const work = (): void => {
            ran = true;
          };
          const call = () => store.withLock("key", work, { timeoutMs });
          same((await expectRejection(call, "ERR_LOCK_TIMEOUT")).retryable, true, "retryable");
        }
      });
      await store.withLock("key", () => {});
      check(!ran, "work that does not run", "it ran");
    },
  },
  {
    checks: ["6.4b"],
    name: "timeoutMs: 0 gets a free lock",
    needs: ["locks"],
    async run({ store }) {
      for (const time of ["once", "again"]) {
        same(await store.withLock("key", () => time, { timeoutMs: 0 }), time, "what withLock returns");
      }
    },
  },
  {
    checks: ["6.4a", "7.3b"],
    name: "a wait without its own limit has the store's timeoutMs",
    needs: ["locks"],
    async run(kit) {
      const store = await kit.open({ timeoutMs: 3000 });
      let ran = false;
      await store.withLock("key", async () => {
        const waiting = store.withLock("key", () => {
          ran = true;
        });
        await expectRejection(() => inTime(waiting, LATEST_MS), "ERR_LOCK_TIMEOUT");
      });
      check(!ran, "work that does not run", "it ran");
    },
  },
  {
    checks: ["6.4c"],
    name: "an aborted wait rejects with the signal's reason, and does not take the lock",
    needs: ["locks"],
    async run({ store }) {
      const reason = new Error("the caller's own reason");
      let ran = false;
      const work = (): void => {
        ran = true;
      };
      await expectReason(store.withLock("key", work, { signal: AbortSignal.abort(reason) }), reason);
      await store.withLock("key", async () => {
        const abort = new AbortController();
        const waiting = expectReason(store.withLock("key", work, { signal: abort.signal }), reason);
        await sleep(20);
        abort.abort(reason);
        await waiting;
      });
      check(!ran, "work that does not run, since its wait was aborted", "it ran");
      await expectFree(store);
    },
  },
  {
    checks: ["6.4d"],
    name: "a signal that aborts while work runs has no effect",
    needs: ["locks"],
    async run({ store }) {
      const abort = new AbortController();
      const result = await store.withLock(
        "key",
        async () => {
          abort.abort(new Error("too late"));
          await sleep(10);
          return "done";
        },
        { signal: abort.signal },
      );
      same(result, "done", "what withLock returns");
    },
  },
  {
    checks: ["6.5b", "6.3d"],
    name: "many waiters all get the lock",
    needs: ["locks"],
    async run(kit) {
      const stores = kit.capabilities.shared ? [kit.store, await kit.open(), await kit.open()] : [kit.store];
      const got = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          stores[index % stores.length]!.withLock("key", (lease) => lease.fence, { timeoutMs: 30_000 }),
        ),
      );
      same(new Set(got).size, 30, "the number of fences of 30 grants");
    },
  },
  {
    checks: ["6.5a"],
    name: "a waiter gets the lock soon after it is free",
    needs: ["locks"],
    async run(kit) {
      const waiters = kit.capabilities.shared ? [kit.store, await kit.open()] : [kit.store];
      for (const waiter of waiters) {
        let freedAt = 0;
        let waiting: Promise<number> | undefined;
        await kit.store.withLock("key", async () => {
          waiting = waiter.withLock("key", () => Date.now(), { timeoutMs: 30_000 });
          await sleep(300);
          freedAt = Date.now();
        });
        const waited = ((await waiting) ?? 0) - freedAt;
        check(waited <= SOON_MS, `the lock within ${SOON_MS} ms after it was free`, `${waited} ms later`);
      }
    },
  },
  {
    checks: ["6.5d"],
    name: "finding, saving and deleting neither need a lock nor wait for one",
    needs: ["locks"],
    async run({ store }) {
      await store.withLock("user-1", async () => {
        const saved = await store.saveToken({ userSignature: { name: "user-1" }, refreshToken: "r" });
        same(
          plain(await store.findToken({ userSignature: { name: "user-1" } })),
          plain(saved),
          "what findToken finds",
        );
        await store.deleteToken(plain(saved).id ?? "");
        await store.saveToken({ userSignature: { name: "user-1" }, refreshToken: "r2" });
        await store.deleteTokens();
        expectIds(await store.getTokens(), []);
      });
    },
  },
  {
    checks: ["6.5e"],
    name: "deleteTokens does not free a lock",
    needs: ["locks"],
    async run({ store }) {
      await store.withLock("key", async () => {
        await store.deleteTokens();
        await expectRejection(
          () => store.withLock("key", () => "ran", { timeoutMs: 30 }),
          "ERR_LOCK_TIMEOUT",
        );
      });
    },
  },
];
