import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "../case.js";
import { check, expectRejection, plain, same } from "../expect.js";
import { inStep, startChild, startChildren } from "../processes/index.js";
import { FREE_MS, LEASE_MS } from "./locks.js";

/** How long a successor may wait: a lease of the default length, 10 s, has expired by then. */
const SUCCESSOR_MS = 15_000;

const DEFAULT_LEASE_MS = 10_000;
/** For a waiter that asks only now and then. */
const SLACK_MS = 3000;

const options = { leaseMs: LEASE_MS };

export const locksAcrossProcesses: Case[] = [
  {
    checks: ["6.1b", "6.3d"],
    name: "processes never hold one lock at the same time, and no two grants have the same fence",
    needs: ["locks", "shared"],
    async run(kit) {
      const children = await startChildren(kit, 3);
      const looped = await inStep(children, "lockLoop", () => ({
        key: "key",
        times: 10,
        insideMs: 2,
        mark: join(kit.space.directory, "inside"),
      }));
      const overlaps = looped.reduce((sum, one) => sum + one.overlaps, 0);
      same(overlaps, 0, "how often two holders ran at the same time");
      for (const { fences } of looped) {
        const grown = [...fences].sort((a, b) => a - b);
        same(fences, grown, "the fences of one process, in the order of its grants,");
      }
      same(new Set(looped.flatMap(({ fences }) => fences)).size, 30, "the number of fences of 30 grants");
    },
  },
  {
    checks: ["6.1f"],
    name: "processes that lock other keys or namespaces don't wait for each other",
    needs: ["locks", "shared", "namespaces"],
    async run(kit) {
      const child = await startChild(kit);
      const held = child.begin("hold", { key: "key" });
      await held.first();
      const other = await kit.open({ namespace: "other" });
      for (const [store, key] of [[kit.store, "key "] as const, [other, "key"] as const]) {
        same(
          await store.withLock(key, () => "free", { timeoutMs: FREE_MS }),
          "free",
          "what withLock returns",
        );
      }
      same((await held.stop()).code, null, "the code of the holder's error");
    },
  },
  {
    checks: ["6.2a", "6.3d"],
    name: "a holder killed with SIGKILL frees the lock within its lease",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit, options);
      const { fence } = await child.begin("hold", { key: "key" }).first();
      await child.kill("SIGKILL");
      const store = await kit.open(options);
      const next = await store.withLock("key", (lease) => lease.fence, { timeoutMs: SUCCESSOR_MS });
      check(next > fence, `a fence above the dead holder's, ${fence}`, String(next));
    },
  },
  {
    checks: ["6.2b", "6.2a"],
    name: "a holder killed with SIGKILL frees the lock within 10 seconds by default",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit);
      await child.begin("hold", { key: "key" }).first();
      await child.kill("SIGKILL");
      const got = await kit.store.withLock("key", () => "got it", { timeoutMs: DEFAULT_LEASE_MS + SLACK_MS });
      same(got, "got it", "what withLock returns");
    },
  },
  {
    checks: ["6.2c", "6.1b"],
    name: "a process that works for longer than the lease keeps the lock",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit, options);
      const held = child.begin("hold", { key: "key" });
      await held.first();
      const store = await kit.open(options);
      await expectRejection(
        () => store.withLock("key", () => "ran", { timeoutMs: LEASE_MS * 2.5 }),
        "ERR_LOCK_TIMEOUT",
      );
      const { code, aborted } = await held.stop();
      same({ code, aborted }, { code: null, aborted: false }, "what the holder sees");
      same(
        await store.withLock("key", () => "free", { timeoutMs: SUCCESSOR_MS }),
        "free",
        "what withLock returns",
      );
    },
  },
  {
    checks: ["6.3a", "6.3b", "6.3c", "6.3d", "7.2e"],
    name: "a holder stopped for longer than its lease sees that it lost it, and can't release its successor's",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit, options);
      const held = child.begin("hold", { key: "key" });
      const { fence } = await held.first();
      await child.kill("SIGSTOP");
      const store = await kit.open(options);
      const other = await kit.open(options);
      await store.withLock(
        "key",
        async (lease) => {
          check(lease.fence > fence, `a fence above the one before, ${fence}`, String(lease.fence));
          await child.kill("SIGCONT");
          await sleep(LEASE_MS / 2); // time for the timers of the resumed holder
          const outcome = await held.stop();
          same(
            outcome,
            { fence, aborted: true, reasonCode: "ERR_LOCK_LOST", code: "ERR_LOCK_LOST" },
            "what the stale holder sees, in lease.signal and from withLock,",
          );
          // The stale holder has not released its successor's lock.
          await expectRejection(
            () => other.withLock("key", () => "ran", { timeoutMs: 100 }),
            "ERR_LOCK_TIMEOUT",
          );
          same(lease.signal.aborted, false, "the successor's lease.signal.aborted");
        },
        { timeoutMs: SUCCESSOR_MS },
      );
    },
  },
  {
    checks: ["6.3b", "7.2e"],
    name: "work that succeeded under a lost lease rejects with ERR_LOCK_LOST",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit, options);
      const held = child.begin("hold", { key: "key" });
      await held.first();
      await child.kill("SIGSTOP");
      const store = await kit.open(options);
      await store.withLock("key", () => {}, { timeoutMs: SUCCESSOR_MS });
      // The message to stop is there when the process resumes: work ends before any timer can fire.
      const outcome = held.stop();
      await child.kill("SIGCONT");
      const { code, reasonCode } = await outcome;
      same(
        { code, reasonCode },
        { code: "ERR_LOCK_LOST", reasonCode: "ERR_LOCK_LOST" },
        "what the stale holder sees, from withLock and in lease.signal,",
      );
    },
  },
  {
    checks: ["6.5b"],
    name: "a process that locks repeatedly does not starve another",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit);
      const hogging = child.begin("hog", { key: "key", insideMs: 3 });
      await hogging.first();
      for (let time = 0; time < 3; time++) {
        const got = await kit.store.withLock("key", () => "got it", { timeoutMs: SUCCESSOR_MS });
        same(got, "got it", "what withLock returns");
      }
      check((await hogging.stop()).times > 0, "locks of the other process meanwhile", "none");
    },
  },
  {
    checks: ["6.5d"],
    name: "no save waits for a lock that another process holds",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit);
      const held = child.begin("hold", { key: "user-1" });
      await held.first();
      for (let time = 1; time <= 5; time++) {
        const saved = await kit.store.saveToken({
          userSignature: { name: "user-1" },
          refreshToken: `r${time}`,
        });
        same(plain(saved).revision, time, "the revision");
      }
      same((await held.stop()).code, null, "the code of the holder's error");
    },
  },
];
