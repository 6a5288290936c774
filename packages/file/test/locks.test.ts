import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { FileLeases } from "../dist/file-leases.js";
import { FileTokenStore } from "../dist/index.js";
import { LeaseState } from "../dist/lease-state.js";
import { encodeLine } from "../dist/line.js";
import { linesOf, newPath, saveSome, start, until } from "./helpers.js";

const LEASE_MS = 1500;
const LAST_PID = "/proc/sys/kernel/ns_last_pid";

async function startHolder(path: string) {
  const run = start("holder.mjs", [path, "k", String(LEASE_MS)]);
  onTestFinished(() => void run.child.kill("SIGKILL"));
  await until(() => run.lines().length === 1, "the child has the lock");
  return { ...run, fence: Number(run.lines()[0]) };
}

async function newLeases(path = newPath()): Promise<{ path: string; leases: FileLeases }> {
  await saveSome(path, 0);
  await using store = new FileTokenStore(path);
  await store.getTokens();
  const leases = new FileLeases("");
  leases.open(`${path}.locks`, path);
  onTestFinished(() => leases.close());
  return { path, leases };
}

/** A process with this id, if the kernel can be brought to give it. */
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
  it("of a stopped holder goes to the next after the lease, and is lost to the one that goes on late", async () => {
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
        // what the late one gave up was not this one's
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

describe("the log of the locks", () => {
  it("stays short however often a lease is renewed, and the lease holds", async () => {
    const { path, leases } = await newLeases();
    const fence = await leases.acquire("k", "owner", 60_000, 500);
    for (let n = 0; n < 1000; n++) {
      expect(await leases.renew("k", "owner", 60_000)).toBe(true);
      if (n % 10 === 0) await sleep(1); // renewals are seconds apart
    }
    // a compaction that a busy machine is late with is done at a later renewal
    await vi.waitFor(async () => {
      expect(await leases.renew("k", "owner", 60_000)).toBe(true);
      expect(linesOf(`${path}.locks`).length).toBeLessThan(400);
    }, 10_000);
    expect(await leases.acquire("k", "other", 60_000, 500)).toBeNull();
    expect(await leases.acquire("k", "owner", 60_000, 500)).toBeGreaterThan(fence!);
    expect(await leases.release("k", "owner")).toBe(true);
  });

  it("takes no line for a try that comes to nothing", async () => {
    const { path, leases } = await newLeases();
    await leases.acquire("k", "owner", 60_000, 60_000);
    await leases.acquire("k", "next", 60_000, 60_000);
    const { length } = linesOf(`${path}.locks`);
    for (let n = 0; n < 50; n++) expect(await leases.acquire("k", `other-${n}`, 60_000, 60_000)).toBeNull();
    expect(linesOf(`${path}.locks`).length).toBe(length);
  });

  it.skipIf(process.platform !== "linux")(
    "does not go by the wall clock, which may be set (Linux)",
    async () => {
      const { leases } = await newLeases();
      vi.useFakeTimers({ toFake: ["Date"] });
      onTestFinished(() => void vi.useRealTimers());
      const fence = await leases.acquire("k", "owner", 60_000, 500);
      vi.setSystemTime(Date.now() + 3_600_000);
      expect(await leases.acquire("k", "other", 60_000, 500)).toBeNull();
      expect(await leases.release("k", "owner")).toBe(true);
      vi.setSystemTime(Date.now() - 7_200_000);
      expect(await leases.acquire("k", "third", 60_000, 60)).toBeNull(); // the other is next
      expect(await leases.acquire("k", "other", 1, 500)).toBeGreaterThan(fence!);
      await vi.waitFor(async () => expect(await leases.acquire("k", "third", 60_000, 60)).not.toBeNull());
    },
  );

  it("of before the machine was started again holds nobody up", async () => {
    const { path, leases: before } = await newLeases();
    await before.acquire("other", "owner", 1000, 500);
    const [head] = linesOf(`${path}.locks`);
    const ask = { op: "acquire", key: "k", leaseMs: 60_000, placeMs: 60_000, time: 1, clock: "before" };
    const lines = [
      { ...ask, owner: "dead", at: 1e15 },
      { ...ask, owner: "next", at: 1e15 },
    ];
    writeFileSync(`${path}.locks`, `${head}\n${lines.map((line) => encodeLine(line)).join("")}`);
    const { leases } = await newLeases(path);
    expect(await leases.acquire("k", "owner", 60_000, 500)).toBeGreaterThan(1);
  });

  it("gives a lease to nobody whose line comes late", () => {
    const state = new LeaseState();
    const ask = { op: "acquire", key: "k", leaseMs: 100, placeMs: 50, time: 1, clock: "c" };
    const stopped = { ...ask, owner: "stopped", at: 1000 };
    state.apply({ ...ask, owner: "holder", at: 9000 });
    state.apply(stopped);
    expect(state.get("k")?.owner).toBe("holder");
    state.apply({ op: "renew", key: "k", owner: "stopped", at: 1000, leaseMs: 100, clock: "c" });
    state.apply({ op: "release", key: "k", owner: "stopped", at: 1000, clock: "c" });
    expect(state.get("k")).toMatchObject({ owner: "holder", until: 9100 });
  });
});
