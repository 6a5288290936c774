import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectIds, expectRejection, plain, same } from "../expect.js";
import { inTime } from "../in-time.js";
import { show } from "../show.js";

/** Locks within one store. Those of several processes are in section-6-processes.ts. */

/** A short lease, where the module hands `leaseMs` on. Where it does not, the cases say the same, later. */
export const LEASE_MS = 900;

/** Above the default time limit, for a module that does not hand the option on. */
const LATEST_MS = 15_000;

/** Soon enough after the lock is free, on a busy machine too. */
const SOON_MS = 2000;

// Each is another lock than every other.
const KEYS: readonly string[] = [
  "key",
  "Key",
  "key ",
  " key",
  "key:",
  "key*",
  "ke?",
  "[key]",
  "*",
  "%",
  "k_y",
  "key/../key",
  "../key",
  "key\n",
  "key\0",
  "{key}",
  "$key",
  "key.key",
  "'; DROP TABLE locks; --",
  '"key"',
  "\u00e9",
  "e\u0301",
  "🔑",
  "k".repeat(5000),
  `${"k".repeat(4999)}l`,
];

/** Fails unless the call is rejected with this very value. */
async function expectReason(call: Promise<unknown>, reason: Error): Promise<void> {
  const came = await call.then(
    (value) => `success: ${show(value)}`,
    (error: unknown) => (error === reason ? undefined : show(error)),
  );
  check(came === undefined, `a rejection with the very error ${show(reason)}`, came ?? "");
}

/** Fails unless the lock can be had now. */
async function expectFree(store: TokenStore, key = "key"): Promise<void> {
  same(await store.withLock(key, () => "free", { timeoutMs: 2000 }), "free", "what withLock returns");
}

export const locks: Case[] = [
  {
    checks: ["6.1c"],
    name: "withLock returns what the work returns, and knows its key and fence",
    needs: ["locks"],
    async run({ store }) {
      same(await store.withLock("key", () => 42), 42, "what withLock returns");
      const seen = await store.withLock("key", async (lease) => ({
        key: lease.key,
        isFence: Number.isSafeInteger(lease.fence) && lease.fence > 0,
        aborted: lease.signal.aborted,
      }));
      same(seen, { key: "key", isFence: true, aborted: false }, "what work knows of its lease");
    },
  },
  {
    checks: ["6.1a"],
    name: "callers of one process never run at the same time",
    needs: ["locks"],
    async run({ store }) {
      let inside = 0;
      let most = 0;
      const work = async (): Promise<void> => {
        inside++;
        most = Math.max(most, inside);
        await sleep(1);
        inside--;
      };
      await Promise.all(Array.from({ length: 20 }, () => store.withLock("key", work, { timeoutMs: 30_000 })));
      same(most, 1, "the most holders at the same time");
    },
  },
  {
    checks: ["6.1b"],
    name: "two stores of one space exclude each other",
    needs: ["locks", "shared"],
    async run(kit) {
      const [one, two] = await Promise.all([kit.open(), kit.open()]);
      await one.withLock("key", async () => {
        await expectRejection(() => two.withLock("key", () => "ran", { timeoutMs: 50 }), "ERR_LOCK_TIMEOUT");
      });
      await expectFree(two);
    },
  },
  {
    checks: ["6.1d", "6.1e"],
    name: "the work's own error comes through as it is, and the lock is free after it",
    needs: ["locks"],
    async run({ store }) {
      const own = new RangeError("the work's own");
      for (const work of [
        () => {
          throw own;
        },
        async () => {
          throw own;
        },
      ]) {
        await expectReason(store.withLock("key", work), own);
        await expectFree(store);
      }
    },
  },
  {
    checks: ["6.1f"],
    name: "locks of different keys don't meet, whatever the keys contain",
    needs: ["locks"],
    async run({ store }) {
      const hold = async (depth: number): Promise<void> => {
        const key = KEYS[depth];
        if (key === undefined) return;
        await store.withLock(
          key,
          async (lease) => {
            same(lease.key, key, "lease.key");
            await hold(depth + 1);
          },
          { timeoutMs: 1000 },
        );
      };
      await hold(0);
    },
  },
  {
    checks: ["6.1f"],
    name: "locks of different namespaces don't meet",
    needs: ["locks", "namespaces"],
    async run(kit) {
      const [one, two] = await Promise.all([kit.open({ namespace: "n" }), kit.open({ namespace: "n:" })]);
      const result = await one.withLock("key", () => two.withLock("key", () => "both", { timeoutMs: 1000 }));
      same(result, "both", "what withLock returns");
    },
  },
  {
    checks: ["6.2c"],
    name: "work that takes longer than the lease keeps the lock",
    needs: ["locks"],
    async run(kit) {
      const store = await kit.open({ leaseMs: LEASE_MS });
      await store.withLock("key", async (lease) => {
        await expectRejection(
          () => store.withLock("key", () => "ran", { timeoutMs: LEASE_MS * 2.5 }),
          "ERR_LOCK_TIMEOUT",
        );
        same(lease.signal.aborted, false, "lease.signal.aborted");
      });
    },
  },
  {
    checks: ["6.2c", "6.1b"],
    name: "another store does not get a lock that is held for longer than the lease",
    needs: ["locks", "shared"],
    async run(kit) {
      const one = await kit.open({ leaseMs: LEASE_MS });
      const two = await kit.open({ leaseMs: LEASE_MS });
      await one.withLock("key", async (lease) => {
        await expectRejection(
          () => two.withLock("key", () => "ran", { timeoutMs: LEASE_MS * 2.5 }),
          "ERR_LOCK_TIMEOUT",
        );
        same(lease.signal.aborted, false, "lease.signal.aborted");
      });
    },
  },
  {
    checks: ["6.3d"],
    name: "the fence grows with every grant",
    needs: ["locks"],
    async run({ store }) {
      let last = 0;
      for (let time = 0; time < 5; time++) {
        const fence = await store.withLock("key", (lease) => lease.fence);
        check(fence > last, `a fence above the one before, ${last}`, String(fence));
        last = fence;
      }
    },
  },
  {
    checks: ["6.3d"],
    name: "the fence goes on growing when the store is opened again",
    needs: ["locks", "shared"],
    async run(kit) {
      const first = await kit.open();
      const before = await first.withLock("key", (lease) => lease.fence);
      await first.deleteTokens();
      await first.close();
      const after = await (await kit.open()).withLock("key", (lease) => lease.fence);
      check(after > before, `a fence above the one before, ${before}`, String(after));
    },
  },
  {
    checks: ["6.4a", "7.2d"],
    name: "not getting the lock in time is ERR_LOCK_TIMEOUT, retryable, and the work does not run",
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
    name: "timeoutMs 0 gets a lock that is free",
    needs: ["locks"],
    async run({ store }) {
      for (const time of ["once", "again"]) {
        same(await store.withLock("key", () => time, { timeoutMs: 0 }), time, "what withLock returns");
      }
    },
  },
  {
    checks: ["6.4a", "7.3b"],
    name: "a wait without a limit of its own ends with the store's",
    needs: ["locks"],
    async run(kit) {
      const store = await kit.open({ timeoutMs: 300 });
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
    name: "an aborted wait rejects with the signal's reason, and takes nothing with it",
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
    name: "a signal that aborts once the work runs ends nothing",
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
    name: "finding, saving and deleting need no lock and are not held up by one",
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
