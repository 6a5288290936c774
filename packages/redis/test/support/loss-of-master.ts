import { expect } from "vitest";
import type { RedisTokenStore } from "../../src/index.js";
import { until } from "./helpers.js";
import type { Topology } from "./topology.js";

/** Ends a server as a crash does, and returns once it is gone. */
export async function killServer({ run }: Topology, port: number): Promise<void> {
  await run(`kill -9 $(redis-cli -p ${port} info server | tr -d '\\r' | sed -n 's/^process_id://p')`);
}

/**
 * Saves without a pause from several callers, kills the master in the middle, has it come back, and goes on
 * until saves succeed again. Every failure must be typed and retryable.
 * @returns the refresh tokens of the saves that resolved
 */
export async function saveThrough(
  store: RedisTokenStore,
  loss: { kill: () => Promise<void>; isOver: () => Promise<boolean>; comeBack: () => Promise<void> },
): Promise<{ acknowledged: string[]; failed: number }> {
  const acknowledged: string[] = [];
  let failed = 0;
  let isDone = false;
  let next = 0;
  const caller = async () => {
    while (!isDone) {
      const refreshToken = `r${next++}`;
      try {
        await store.saveToken({ refreshToken });
        acknowledged.push(refreshToken);
      } catch (error) {
        failed++;
        expect(error).toMatchObject({ name: "TokenStoreError", retryable: true });
      }
    }
  };
  const callers = Promise.all(Array.from({ length: 4 }, caller));
  await until(async () => acknowledged.length > 50, "saves before the loss");
  await loss.kill();
  await until(loss.isOver, "a new master");
  await loss.comeBack();
  const before = acknowledged.length;
  await until(async () => acknowledged.length > before + 50, "saves after the loss");
  isDone = true;
  await callers;
  return { acknowledged, failed };
}

/** What was acknowledged and is not there. */
export async function lostOf(store: RedisTokenStore, acknowledged: string[]): Promise<string[]> {
  const stored = new Set((await store.getTokens()).map((token) => token.refreshToken));
  return acknowledged.filter((value) => !stored.has(value));
}
