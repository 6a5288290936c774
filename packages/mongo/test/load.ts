import { setTimeout as sleep } from "node:timers/promises";
import type { MongoTokenStore } from "@tokenkeep/mongo";
import { expect } from "vitest";

/** How much longer than its time limit a call may take before a test calls it late, on a busy machine. */
const GRACE_MS = 3000;

/** Calls until it works. Meanwhile each failure has to be retryable. */
export async function untilItWorks<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
      await sleep(50);
    }
  }
}

/**
 * Saves repeatedly from several callers, lets something happen to the server in the middle, and continues until saves
 * succeed again. Then everything acknowledged has to be there, and each call must have ended in time.
 */
export async function saveThrough(
  store: MongoTokenStore,
  timeoutMs: number,
  happens: () => Promise<void>,
): Promise<void> {
  const acknowledged: string[] = [];
  let revision = (await store.saveToken({ id: "one", refreshToken: "r" })).revision!;
  let longest = 0;
  let isOver = false;
  const repeat = async (call: (i: number) => Promise<void>) => {
    for (let i = 0; !isOver; i++) {
      const start = performance.now();
      try {
        await call(i);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
      }
      longest = Math.max(longest, performance.now() - start);
    }
  };
  const callers = Promise.all([
    ...["a", "b", "c"].map((name) =>
      repeat(async (i) => {
        await store.saveToken({ id: `${name}${i}`, refreshToken: `${name}${i}` });
        acknowledged.push(`${name}${i}`);
      }),
    ),
    repeat(async (i) => {
      revision = (await store.saveToken({ id: "one", accessToken: `${i}` })).revision!;
    }),
  ]);
  // A caller that fails would otherwise go unnoticed until the end.
  const failed = callers.then(() => {});
  try {
    await Promise.race([failed, moreThan(acknowledged, 20)]);
    await happens();
    await Promise.race([failed, moreThan(acknowledged, acknowledged.length + 20)]);
  } finally {
    isOver = true;
  }
  await callers;
  const found = new Map((await store.getTokens()).map((token) => [token.id, token]));
  expect(acknowledged.filter((id) => found.get(id)?.refreshToken !== id)).toEqual([]);
  expect(found.get("one")?.revision).toBeGreaterThanOrEqual(revision);
  expect(longest).toBeLessThan(timeoutMs + GRACE_MS);
}

async function moreThan(list: readonly unknown[], count: number): Promise<void> {
  while (list.length <= count) await sleep(20);
}
