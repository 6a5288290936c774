import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectRejection, same } from "../expect.js";
import { show } from "../show.js";

// Locks within one process. The others are in locks-across-processes.ts.

/** A short lease, if the module passes `leaseMs` on. If not, the cases have the same results, only later. */
export const LEASE_MS = 2000;

// All of them are different locks.
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

/** Fails unless the call rejects with exactly this error. */
export async function expectReason(call: Promise<unknown>, reason: Error): Promise<void> {
  const came = await call.then(
    (value) => `success: ${show(value)}`,
    (error: unknown) => (error === reason ? undefined : show(error)),
  );
  check(came === undefined, `a rejection with exactly the error ${show(reason)}`, came ?? "");
}

/** How long it may take to get a free lock, on a busy machine. */
export const FREE_MS = 10_000;

/** Fails unless the lock is free. */
export async function expectFree(
  store: TokenStore,
  key: string = "key",
  timeoutMs: number = FREE_MS,
): Promise<void> {
  same(await store.withLock(key, () => "free", { timeoutMs }), "free", "what withLock returns");
}

export const locks: Case[] = [
  {
    checks: ["6.1c"],
    name: "withLock returns what work returns, and the lease has its key and fence",
    needs: ["locks"],
    async run({ store }) {
      same(await store.withLock("key", () => 42), 42, "what withLock returns");
      const seen = await store.withLock("key", async (lease) => ({
        key: lease.key,
        isFence: Number.isSafeInteger(lease.fence) && lease.fence > 0,
        aborted: lease.signal.aborted,
      }));
      same(seen, { key: "key", isFence: true, aborted: false }, "the lease");
    },
  },
  {
    checks: ["6.1a"],
    name: "holders in one process never run at the same time",
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
      await two.getTokens();
      await one.withLock("key", async () => {
        await expectRejection(() => two.withLock("key", () => "ran", { timeoutMs: 50 }), "ERR_LOCK_TIMEOUT");
      });
      await expectFree(two);
    },
  },
  {
    checks: ["6.1d", "6.1e"],
    name: "withLock rejects with the error of work as it is, and the lock is free after it",
    needs: ["locks"],
    async run({ store }) {
      const own = new RangeError("the error of work");
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
    name: "locks with different keys are independent, whatever the keys contain",
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
          { timeoutMs: FREE_MS },
        );
      };
      await hold(0);
    },
  },
  {
    checks: ["6.1f"],
    name: "locks of different namespaces are independent",
    needs: ["locks", "namespaces"],
    async run(kit) {
      const [one, two] = await Promise.all([kit.open({ namespace: "n" }), kit.open({ namespace: "n:" })]);
      const result = await one.withLock("key", () =>
        two.withLock("key", () => "both", { timeoutMs: FREE_MS }),
      );
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
    checks: ["6.2d", "6.3a", "6.3b"],
    name: "a lock that is held for longer than maxHoldMs is lost, and others get it while work still runs",
    needs: ["locks"],
    async run(kit) {
      const { store } = kit;
      const other = kit.capabilities.shared ? await kit.open() : store;
      let next: Promise<string> | undefined;
      const held = store.withLock(
        "key",
        async (lease) => {
          next = other.withLock("key", () => "got it", { timeoutMs: 30_000 });
          same(await next, "got it", "what the next holder's withLock returns");
          same(lease.signal.aborted, true, "lease.signal.aborted of the holder that holds too long");
        },
        { maxHoldMs: 300 },
      );
      await expectRejection(() => held, "ERR_LOCK_LOST");
      await next;
    },
  },
  {
    checks: ["6.2d"],
    name: "work that ends within maxHoldMs keeps the lock",
    needs: ["locks"],
    async run({ store }) {
      const result = await store.withLock("key", () => "done", { maxHoldMs: 30_000 });
      same(result, "done", "what withLock returns");
      await expectFree(store);
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
    name: "the fence keeps growing when the store is opened again",
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
];
