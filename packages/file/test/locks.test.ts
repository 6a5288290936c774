import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Deadline } from "@tokenkeep/core/backend";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { FileTokenStore } from "../dist/index.js";
import { FileLeases, LockState, type Time } from "../dist/leases.js";
import { linesOf, newPath, saveSome, start, startCommand, until } from "./helpers.js";

const LEASE_MS = 1500;
const LAST_PID = "/proc/sys/kernel/ns_last_pid";

async function startHolder(path: string) {
  const run = start("holder.mjs", [path, "k", String(LEASE_MS)]);
  onTestFinished(() => void run.child.kill("SIGKILL"));
  await until(() => run.lines().length === 1, "the child has the lock");
  return { ...run, fence: Number(run.lines()[0]) };
}

/** Leases as the backend uses them. */
class TestLeases {
  readonly #leases: FileLeases;

  constructor(path: string, now?: () => Time) {
    this.#leases = new FileLeases("", now);
    this.#leases.open(`${path}.locks`, path);
    onTestFinished(() => this.#leases.close());
  }

  acquire = (owner: string, leaseMs = 60_000, reserveMs = 500) =>
    this.#leases.acquire("k", owner, leaseMs, reserveMs, this.#deadline());
  renew = (owner: string, leaseMs = 60_000) => this.#leases.renew("k", owner, leaseMs, this.#deadline());
  release = (owner: string) => this.#leases.release("k", owner, this.#deadline());

  #deadline(): Deadline {
    return new Deadline("file", 10_000);
  }
}

async function newLeases(): Promise<{ path: string; leases: TestLeases }> {
  const path = newPath();
  await saveSome(path, 1);
  return { path, leases: new TestLeases(path) };
}

/** Starts a process with this id, if the kernel assigns it. */
async function processWithId(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    writeFileSync(LAST_PID, String(pid - 1));
    const child = spawn("sleep", ["60"]);
    if (child.pid === pid) {
      onTestFinished(() => void child.kill("SIGKILL"));
      return true;
    }
    child.kill("SIGKILL");
    await once(child, "close");
  }
  return false;
}

describe("a lock", () => {
  it("of a stopped holder goes to the next after the lease, and is lost for the one that continues late", async () => {
    const path = newPath();
    const holder = await startHolder(path);
    holder.child.kill("SIGSTOP");
    await using store = new FileTokenStore({ path, leaseMs: LEASE_MS });
    await store.withLock(
      "k",
      async (lease) => {
        expect(lease.fence).toBeGreaterThan(holder.fence);
        holder.child.kill("SIGCONT");
        await holder.ended;
        expect(holder.lines().at(-1)).toBe("ERR_LOCK_LOST");
        expect(lease.signal.aborted).toBe(false);
        // The late release did not release this one.
        await using third = new FileTokenStore(path);
        await expect(third.withLock("k", () => {}, { timeoutMs: 0 })).rejects.toMatchObject({
          code: "ERR_LOCK_TIMEOUT",
        });
      },
      { timeoutMs: 20_000 },
    );
  }, 30_000);

  it("of a dead holder is free after the lease, though another process has its process id", async ({
    skip,
  }) => {
    try {
      accessSync(LAST_PID, constants.W_OK);
    } catch {
      return skip("NOT RUN: this process may not choose a process id");
    }
    const path = newPath();
    await using store = new FileTokenStore({ path, leaseMs: LEASE_MS });
    const holder = await startHolder(path);
    const pid = holder.child.pid!;
    holder.child.kill("SIGKILL");
    await holder.ended;
    if (!(await processWithId(pid))) return skip("NOT RUN: the kernel did not give the process id again");
    await store.withLock("k", (lease) => expect(lease.fence).toBeGreaterThan(holder.fence));
    expect(readFileSync(`${path}.locks`, "utf8")).not.toMatch(new RegExp(`\\b${pid}\\b(?!-)`));
  }, 30_000);
});

describe("a lock between processes of two time namespaces, as containers may have", () => {
  const LONG_MS = 3000;
  // The clock of the other namespace is ahead by more than a day.
  const UNSHARE = ["--time", "--monotonic", "100000", "--fork", "--kill-child"];
  const canUnshare = spawnSync("unshare", [...UNSHARE, "true"]).status === 0;

  function startInOther(path: string) {
    const holder = fileURLToPath(new URL("holder.mjs", import.meta.url));
    const run = startCommand("unshare", [...UNSHARE, process.execPath, holder, path, "k", String(LONG_MS)]);
    onTestFinished(() => void run.child.kill("SIGKILL"));
    return run;
  }

  it.skipIf(!canUnshare)("is kept by a living holder (NOT RUN without unshare --time)", async () => {
    const path = newPath();
    await using store = new FileTokenStore({ path, leaseMs: LONG_MS });
    const { other, fence } = await store.withLock("k", async (lease) => {
      const other = startInOther(path);
      await sleep(2 * LONG_MS);
      expect(other.lines()).toEqual([]);
      return { other, fence: lease.fence };
    });
    await until(() => other.lines().length === 1, "the other process has the lock");
    expect(Number(other.lines()[0])).toBeGreaterThan(fence);
  });

  it.skipIf(!canUnshare)("is free when its holder has died (NOT RUN without unshare --time)", async () => {
    const path = newPath();
    const other = startInOther(path);
    await until(() => other.lines().length === 1, "the other process has the lock");
    await using store = new FileTokenStore({ path, leaseMs: LONG_MS });
    await expect(store.withLock("k", () => {}, { timeoutMs: 2 * LONG_MS })).rejects.toMatchObject({
      code: "ERR_LOCK_TIMEOUT",
    });
    other.child.kill("SIGKILL");
    await store.withLock("k", (lease) => expect(lease.fence).toBeGreaterThan(Number(other.lines()[0])), {
      timeoutMs: 30_000,
    });
  });
});

describe("the log of the locks", () => {
  it("stays short however often a lease is renewed, and the lease is kept", async () => {
    const { path, leases } = await newLeases();
    const fence = await leases.acquire("owner");
    for (let n = 0; n < 1000; n++) {
      expect(await leases.renew("owner")).toBe(true);
      if (n % 10 === 0) await sleep(1); // Real renewals are seconds apart.
    }
    // On a busy machine a compaction may be late.
    await vi.waitFor(async () => {
      expect(await leases.renew("owner")).toBe(true);
      expect(linesOf(`${path}.locks`).length).toBeLessThan(400);
    }, 10_000);
    expect(await leases.acquire("other")).toBeNull();
    expect(await leases.acquire("owner")).toBe(fence);
    expect(await leases.release("owner")).toBe(true);
    expect(await leases.acquire("other")).toBeGreaterThan(fence!);
  });

  it("gets no line for an attempt that changes nothing", async () => {
    const { path, leases } = await newLeases();
    await leases.acquire("owner");
    await leases.acquire("next", 60_000, 60_000);
    const { length } = linesOf(`${path}.locks`);
    for (let n = 0; n < 50; n++) expect(await leases.acquire(`other-${n}`)).toBeNull();
    for (let n = 0; n < 50; n++) expect(await leases.acquire("next", 60_000, 60_000)).toBeNull();
    expect(linesOf(`${path}.locks`).length).toBe(length);
  });

  it.skipIf(process.platform !== "linux")(
    "does not depend on the wall clock, which may be set (Linux)",
    async () => {
      const { leases } = await newLeases();
      vi.useFakeTimers({ toFake: ["Date"] });
      onTestFinished(() => void vi.useRealTimers());
      const fence = await leases.acquire("owner");
      vi.setSystemTime(Date.now() + 3_600_000);
      expect(await leases.acquire("other")).toBeNull();
      expect(await leases.release("owner")).toBe(true);
      vi.setSystemTime(Date.now() - 7_200_000);
      expect(await leases.acquire("third", 60_000, 60)).toBeNull(); // The other one has reserved it.
      expect(await leases.acquire("other", 1)).toBeGreaterThan(fence!);
      await vi.waitFor(async () => expect(await leases.acquire("third", 60_000, 60)).not.toBeNull());
    },
  );

  it("grants nothing to a line that comes late", () => {
    const state = new LockState();
    const acquire = { op: "acquire", key: "k", leaseMs: 100, reserveMs: 50, fence: 1, clock: "c" };
    state.apply({ ...acquire, owner: "holder", at: 9000, nonce: "1" });
    state.apply({ ...acquire, owner: "stopped", at: 1000, nonce: "2" });
    expect(state.get("k").held?.owner).toBe("holder");
    state.apply({ op: "renew", key: "k", owner: "stopped", at: 1000, leaseMs: 100, clock: "c", nonce: "3" });
    state.apply({ op: "release", key: "k", owner: "stopped", at: 1000, clock: "c", nonce: "4" });
    expect(state.get("k").held).toMatchObject({ owner: "holder", until: 9100 });
  });
});

describe("a lease by another clock (another container, another boot, a process of Bun or Deno)", () => {
  const LENGTH_MS = 400;
  /** A clock that is ahead by so many milliseconds, or behind. */
  const clock = (name: string, aheadMs: number) => () => ({ clock: name, at: performance.now() + aheadMs });

  async function twoMachines(aheadMs: number) {
    const path = newPath();
    await saveSome(path, 1);
    return {
      holder: new TestLeases(path, clock("one", 0)),
      waiter: new TestLeases(path, clock("two", aheadMs)),
      path,
    };
  }

  it.each([1e12, -1e12])("is kept while it is renewed, be that clock %d ms ahead", async (aheadMs) => {
    const { holder, waiter } = await twoMachines(aheadMs);
    await holder.acquire("owner", LENGTH_MS);
    for (let end = performance.now() + 3 * LENGTH_MS; performance.now() < end; await sleep(20)) {
      // A slow machine may come too late for its own lease. Then nothing is shown.
      if (!(await holder.renew("owner", LENGTH_MS))) return;
      expect(await waiter.acquire("waiter", LENGTH_MS)).toBeNull();
    }
    expect(await holder.release("owner")).toBe(true);
    expect(await waiter.acquire("waiter", LENGTH_MS)).not.toBeNull();
  });

  it.each([1e12, -1e12])(
    "is free once a waiter has watched all of it, be that clock %d ms ahead",
    async (aheadMs) => {
      const { holder, waiter } = await twoMachines(aheadMs);
      const fence = await holder.acquire("owner", LENGTH_MS);
      const startedAt = performance.now();
      let granted: number | null = null;
      while (granted === null) {
        await sleep(10);
        granted = await waiter.acquire("waiter", 60_000);
      }
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(LENGTH_MS);
      expect(granted).toBeGreaterThan(fence!);
      expect(await holder.renew("owner", LENGTH_MS)).toBe(false);
      expect(await holder.release("owner")).toBe(false);
    },
  );

  it("is renewed in the last moment: who watched it takes nothing", async () => {
    const { path, holder, waiter } = await twoMachines(5000);
    await holder.acquire("owner", LENGTH_MS);
    expect(await waiter.acquire("waiter")).toBeNull();
    await sleep(LENGTH_MS / 2);
    await holder.renew("owner", 60_000);
    await sleep(LENGTH_MS);
    expect(await waiter.acquire("waiter")).toBeNull();
    expect(await new TestLeases(path, clock("one", 0)).renew("owner")).toBe(true);
  });

  it("does not lose its reservation to a process that locks again and again", async () => {
    const { holder, waiter } = await twoMachines(-5000);
    await holder.acquire("owner-1");
    expect(await waiter.acquire("waiter", 60_000, 60_000)).toBeNull();
    await holder.release("owner-1");
    expect(await holder.acquire("owner-2")).toBeNull();
    expect(await waiter.acquire("waiter")).not.toBeNull();
  });

  it("that died with its reservation blocks nobody for longer than that lasted", async () => {
    const { holder, waiter } = await twoMachines(-5000);
    await holder.acquire("owner", 1);
    await holder.acquire("dead", 60_000, 300);
    await vi.waitFor(async () => expect(await waiter.acquire("waiter")).not.toBeNull(), 10_000);
  });
});
