import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "../case.js";

/** Locks within one store. Those of several processes are in section-6-processes.ts. */

/** A short lease, where the module hands `leaseMs` on. Where it does not, the cases say the same, later. */
export const LEASE_MS = 900;

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

const lockError = (code: string) => ({ name: "TokenStoreError", code });

export const locks: Case[] = [
  {
    paragraph: "6.1",
    name: "withLock returns what the work returns, and knows its key and fence",
    needs: ["locks"],
    async run({ store }) {
      assert.equal(await store.withLock("key", () => 42), 42);
      const seen = await store.withLock("key", async (lease) => ({
        key: lease.key,
        isFence: Number.isSafeInteger(lease.fence) && lease.fence > 0,
        aborted: lease.signal.aborted,
      }));
      assert.deepEqual(seen, { key: "key", isFence: true, aborted: false });
    },
  },
  {
    paragraph: "6.1",
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
      assert.equal(most, 1);
    },
  },
  {
    paragraph: "6.1",
    name: "two stores of one space exclude each other",
    needs: ["locks", "shared"],
    async run(kit) {
      const [one, two] = await Promise.all([kit.open(), kit.open()]);
      await one.withLock("key", async () => {
        await assert.rejects(
          two.withLock("key", () => "ran", { timeoutMs: 50 }),
          lockError("ERR_LOCK_TIMEOUT"),
        );
      });
      assert.equal(await two.withLock("key", () => "ran"), "ran");
    },
  },
  {
    paragraph: "6.1",
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
        await assert.rejects(store.withLock("key", work), (error) => error === own);
        assert.equal(
          await store.withLock("key", () => "free", { timeoutMs: 500 }),
          "free",
          "the lock must be released when the work throws",
        );
      }
    },
  },
  {
    paragraph: "6.1",
    name: "locks of different keys don't meet, whatever the keys contain",
    needs: ["locks"],
    async run({ store }) {
      const hold = async (depth: number): Promise<void> => {
        const key = KEYS[depth];
        if (key === undefined) return;
        await store.withLock(
          key,
          async (lease) => {
            assert.equal(lease.key, key);
            await hold(depth + 1);
          },
          { timeoutMs: 1000 },
        );
      };
      await hold(0);
    },
  },
  {
    paragraph: "6.1",
    name: "locks of different namespaces don't meet",
    needs: ["locks", "namespaces"],
    async run(kit) {
      const [one, two] = await Promise.all([kit.open({ namespace: "n" }), kit.open({ namespace: "n:" })]);
      const result = await one.withLock("key", () => two.withLock("key", () => "both", { timeoutMs: 1000 }));
      assert.equal(result, "both");
    },
  },
  {
    paragraph: "6.2",
    name: "work that takes longer than the lease keeps the lock",
    needs: ["locks"],
    async run(kit) {
      const store = await kit.open({ leaseMs: LEASE_MS });
      await store.withLock("key", async (lease) => {
        await assert.rejects(
          store.withLock("key", () => "ran", { timeoutMs: LEASE_MS * 2.5 }),
          lockError("ERR_LOCK_TIMEOUT"),
          "a living holder's lease must be renewed",
        );
        assert.equal(lease.signal.aborted, false);
      });
    },
  },
  {
    paragraph: "6.2",
    name: "another store does not get a lock that is held for longer than the lease",
    needs: ["locks", "shared"],
    async run(kit) {
      const one = await kit.open({ leaseMs: LEASE_MS });
      const two = await kit.open({ leaseMs: LEASE_MS });
      await one.withLock("key", async (lease) => {
        await assert.rejects(
          two.withLock("key", () => "ran", { timeoutMs: LEASE_MS * 2.5 }),
          lockError("ERR_LOCK_TIMEOUT"),
          "a living holder's lease must be renewed",
        );
        assert.equal(lease.signal.aborted, false);
      });
    },
  },
  {
    paragraph: "6.3",
    name: "the fence grows with every grant",
    needs: ["locks"],
    async run({ store }) {
      let last = 0;
      for (let time = 0; time < 5; time++) {
        const fence = await store.withLock("key", (lease) => lease.fence);
        assert.ok(fence > last, `fence ${fence} must be greater than the one before, ${last}`);
        last = fence;
      }
    },
  },
  {
    paragraph: "6.3",
    name: "the fence goes on growing when the store is opened again",
    needs: ["locks", "shared"],
    async run(kit) {
      const first = await kit.open();
      const before = await first.withLock("key", (lease) => lease.fence);
      await first.deleteTokens();
      await first.close();
      const after = await (await kit.open()).withLock("key", (lease) => lease.fence);
      assert.ok(after > before, `fence ${after} must be greater than the one before, ${before}`);
    },
  },
  {
    paragraph: "6.4",
    name: "not getting the lock in time is ERR_LOCK_TIMEOUT, retryable, and the work does not run",
    needs: ["locks"],
    async run({ store }) {
      let ran = false;
      await store.withLock("key", async () => {
        for (const timeoutMs of [50, 0]) {
          await assert.rejects(
            store.withLock(
              "key",
              () => {
                ran = true;
              },
              { timeoutMs },
            ),
            { ...lockError("ERR_LOCK_TIMEOUT"), retryable: true },
          );
        }
      });
      await store.withLock("key", () => {});
      assert.equal(ran, false);
    },
  },
  {
    paragraph: "6.4",
    name: "timeoutMs 0 gets a lock that is free",
    needs: ["locks"],
    async run({ store }) {
      assert.equal(await store.withLock("key", () => "free", { timeoutMs: 0 }), "free");
      assert.equal(await store.withLock("key", () => "free", { timeoutMs: 0 }), "free");
    },
  },
  {
    paragraph: "6.4",
    name: "an aborted wait rejects with the signal's reason, and takes nothing with it",
    needs: ["locks"],
    async run({ store }) {
      const reason = new Error("the caller's own reason");
      const isReason = (error: unknown): boolean => error === reason;
      let ran = false;
      const work = (): void => {
        ran = true;
      };
      await assert.rejects(store.withLock("key", work, { signal: AbortSignal.abort(reason) }), isReason);
      await store.withLock("key", async () => {
        const abort = new AbortController();
        const waiting = assert.rejects(store.withLock("key", work, { signal: abort.signal }), isReason);
        await sleep(20);
        abort.abort(reason);
        await waiting;
      });
      assert.equal(ran, false, "the work of an aborted wait must not run");
      assert.equal(await store.withLock("key", () => "free"), "free");
    },
  },
  {
    paragraph: "6.4",
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
      assert.equal(result, "done");
    },
  },
  {
    paragraph: "6.5",
    name: "many waiters all get the lock",
    needs: ["locks"],
    async run(kit) {
      const stores = kit.capabilities.shared ? [kit.store, await kit.open(), await kit.open()] : [kit.store];
      const got = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          stores[index % stores.length]!.withLock("key", (lease) => lease.fence, { timeoutMs: 30_000 }),
        ),
      );
      assert.equal(new Set(got).size, 30, "each grant must have a fence of its own");
    },
  },
  {
    paragraph: "6.5",
    name: "finding, saving and deleting need no lock and are not held up by one",
    needs: ["locks"],
    async run({ store }) {
      await store.withLock("user-1", async () => {
        const saved = await store.saveToken({ userSignature: { name: "user-1" }, refreshToken: "r" });
        assert.equal((await store.findToken({ userSignature: { name: "user-1" } }))?.revision, 1);
        await store.deleteToken(saved.id ?? "");
        await store.saveToken({ userSignature: { name: "user-1" }, refreshToken: "r2" });
        await store.deleteTokens();
        assert.deepEqual(await store.getTokens(), []);
      });
    },
  },
  {
    paragraph: "6.5",
    name: "deleteTokens does not free a lock",
    needs: ["locks"],
    async run({ store }) {
      await store.withLock("key", async () => {
        await store.deleteTokens();
        await assert.rejects(
          store.withLock("key", () => "ran", { timeoutMs: 30 }),
          lockError("ERR_LOCK_TIMEOUT"),
        );
      });
    },
  },
];
