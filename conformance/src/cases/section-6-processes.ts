import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "../case.js";
import { inStep, startChild, startChildren } from "../processes/index.js";
import { LEASE_MS } from "./section-6-locks.js";

/** How long a successor may wait: a lease of the default length, 10 s, has ended before. */
const SUCCESSOR_MS = 15_000;

const options = { leaseMs: LEASE_MS };

export const processLocks: Case[] = [
  {
    paragraph: "6.1",
    name: "processes never hold one lock at the same time, and no two grants have one fence",
    needs: ["locks", "shared"],
    async run(kit) {
      const children = await startChildren(kit, 3);
      const looped = await inStep(children, "lockLoop", () => ({
        key: "key",
        times: 10,
        insideMs: 2,
        mark: join(kit.space.directory, "inside"),
      }));
      assert.equal(
        looped.reduce((sum, { overlaps }) => sum + overlaps, 0),
        0,
        "two holders were inside at the same time",
      );
      for (const { fences } of looped) {
        assert.deepEqual(
          fences,
          [...fences].sort((a, b) => a - b),
        );
      }
      assert.equal(new Set(looped.flatMap(({ fences }) => fences)).size, 30);
    },
  },
  {
    paragraph: "6.1",
    name: "processes that lock other keys or namespaces don't wait for each other",
    needs: ["locks", "shared", "namespaces"],
    async run(kit) {
      const child = await startChild(kit);
      const held = child.begin("hold", { key: "key" });
      await held.first();
      assert.equal(await kit.store.withLock("key ", () => "free", { timeoutMs: 2000 }), "free");
      const other = await kit.open({ namespace: "other" });
      assert.equal(await other.withLock("key", () => "free", { timeoutMs: 2000 }), "free");
      assert.equal((await held.stop()).code, null);
    },
  },
  {
    paragraph: "6.2",
    name: "a holder killed with SIGKILL frees the lock within its lease",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit, options);
      const { fence } = await child.begin("hold", { key: "key" }).first();
      await child.kill("SIGKILL");
      const store = await kit.open(options);
      const next = await store.withLock("key", (lease) => lease.fence, { timeoutMs: SUCCESSOR_MS });
      assert.ok(next > fence, `fence ${next} must be greater than the dead holder's, ${fence}`);
    },
  },
  {
    paragraph: "6.2",
    name: "a process that works for longer than the lease keeps the lock",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit, options);
      const held = child.begin("hold", { key: "key" });
      await held.first();
      const store = await kit.open(options);
      await assert.rejects(
        store.withLock("key", () => "ran", { timeoutMs: LEASE_MS * 2.5 }),
        { name: "TokenStoreError", code: "ERR_LOCK_TIMEOUT" },
        "a living holder's lease must be renewed",
      );
      const { code, aborted } = await held.stop();
      assert.deepEqual({ code, aborted }, { code: null, aborted: false });
      assert.equal(await store.withLock("key", () => "free", { timeoutMs: SUCCESSOR_MS }), "free");
    },
  },
  {
    paragraph: "6.3",
    name: "a holder stopped past its lease learns that it lost it, and can't release its successor's",
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
          assert.ok(
            lease.fence > fence,
            `fence ${lease.fence} must be greater than the one before, ${fence}`,
          );
          await child.kill("SIGCONT");
          await sleep(LEASE_MS / 2); // time for the woken holder's timers
          const outcome = await held.stop();
          assert.deepEqual(
            outcome,
            { fence, aborted: true, reasonCode: "ERR_LOCK_LOST", code: "ERR_LOCK_LOST" },
            "who lost its lease must be told, by the signal and by the rejection",
          );
          await assert.rejects(
            other.withLock("key", () => "ran", { timeoutMs: 100 }),
            { code: "ERR_LOCK_TIMEOUT" },
            "the old holder must not have released its successor's lock",
          );
          assert.equal(lease.signal.aborted, false);
        },
        { timeoutMs: SUCCESSOR_MS },
      );
    },
  },
  {
    paragraph: "6.3",
    name: "work that ended well under a lost lease rejects with ERR_LOCK_LOST",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit, options);
      const held = child.begin("hold", { key: "key" });
      await held.first();
      await child.kill("SIGSTOP");
      const store = await kit.open(options);
      await store.withLock("key", () => {}, { timeoutMs: SUCCESSOR_MS });
      // the order to stop is there when the process wakes: its work ends before any timer could have told it
      const outcome = held.stop();
      await child.kill("SIGCONT");
      const { code, reasonCode } = await outcome;
      assert.deepEqual({ code, reasonCode }, { code: "ERR_LOCK_LOST", reasonCode: "ERR_LOCK_LOST" });
    },
  },
  {
    paragraph: "6.5",
    name: "a process that locks again and again does not starve another",
    needs: ["locks", "shared"],
    async run(kit) {
      const child = await startChild(kit);
      const hogging = child.begin("hog", { key: "key", insideMs: 3 });
      await hogging.first();
      for (let time = 0; time < 3; time++) {
        assert.equal(await kit.store.withLock("key", () => "got it", { timeoutMs: SUCCESSOR_MS }), "got it");
      }
      assert.ok((await hogging.stop()).times > 0);
    },
  },
  {
    paragraph: "6.5",
    name: "a lock that another process holds holds up no save",
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
        assert.equal(saved.revision, time);
      }
      assert.equal((await held.stop()).code, null);
    },
  },
];
