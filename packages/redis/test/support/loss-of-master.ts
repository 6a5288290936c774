import type { Topology } from "@tokenkeep/test-servers";
import { expect } from "vitest";
import type { RedisTokenStore } from "../../src/index.js";
import { until } from "./helpers.js";

/** How much longer than its time limit a call may take before a test calls it late, on a busy machine. */
const GRACE_MS = 5000;

async function pidOf({ run }: Topology, port: number): Promise<number> {
  return Number(
    (await run(`redis-cli -p ${port} info server`)).match(/process_id:(\d+)/)?.[1] ??
      expect.fail(`a server at ${port}`),
  );
}

/** Ends a server as a crash does, and returns once it is gone. */
export async function killServer(topology: Topology, port: number): Promise<void> {
  await topology.run(`kill -9 ${await pidOf(topology, port)}`);
}

/**
 * Stops a server in the middle of what it does: its connections stay open, and nobody answers.
 * @returns what wakes it up
 */
export async function freezeServer(topology: Topology, port: number): Promise<() => Promise<void>> {
  const pid = await pidOf(topology, port);
  await topology.run(`kill -STOP ${pid}`);
  return async () => void (await topology.run(`kill -CONT ${pid}`));
}

/**
 * Saves without a pause from several callers, lets something happen to the master in the middle, has it come
 * back, and goes on until saves succeed again. Every failure must be typed, retryable and in time.
 * @returns the refresh tokens of the saves that resolved
 */
export async function saveThrough(
  store: RedisTokenStore,
  timeoutMs: number,
  loss: { happens: () => Promise<void>; isOver: () => Promise<boolean>; comeBack: () => Promise<void> },
): Promise<{ acknowledged: string[]; failed: number }> {
  const acknowledged: string[] = [];
  let failed = 0;
  let longest = 0;
  let isDone = false;
  let next = 0;
  const caller = async () => {
    while (!isDone) {
      const refreshToken = `r${next++}`;
      const start = performance.now();
      try {
        await store.saveToken({ refreshToken });
        acknowledged.push(refreshToken);
      } catch (error) {
        failed++;
        expect(error).toMatchObject({ name: "TokenStoreError", retryable: true });
      }
      longest = Math.max(longest, performance.now() - start);
    }
  };
  const callers = Promise.all(Array.from({ length: 4 }, caller));
  await until(async () => acknowledged.length > 50, "saves before the loss");
  await loss.happens();
  await until(loss.isOver, "a new master");
  await loss.comeBack();
  const before = acknowledged.length;
  await until(async () => acknowledged.length > before + 50, "saves after the loss");
  isDone = true;
  await callers;
  expect(longest).toBeLessThan(timeoutMs + GRACE_MS);
  return { acknowledged, failed };
}

/** What was acknowledged and is not there. */
export async function lostOf(store: RedisTokenStore, acknowledged: string[]): Promise<string[]> {
  const stored = new Set((await store.getTokens()).map((token) => token.refreshToken));
  return acknowledged.filter((value) => !stored.has(value));
}
