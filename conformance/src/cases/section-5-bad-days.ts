import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import type { Case, FaultMeans, Kit } from "../case.js";

/** The time limit of the calls in these cases, where the module hands it on. */
const TIMEOUT_MS = 2000;
/** Far above the default time limit: only a call that hangs takes so long. */
const HANGS_MS = 30_000;
const USER = { userSignature: { name: "bad-day" } };

async function endsInTime<T>(call: Promise<T>): Promise<T> {
  const over = new AbortController();
  const hangs = sleep(HANGS_MS, undefined, { signal: over.signal }).then(() => {
    throw new Error(`a call had not ended after ${HANGS_MS} ms`);
  });
  try {
    return await Promise.race([call, hangs]);
  } finally {
    over.abort();
    hangs.catch(() => {});
  }
}

/** The revision that a save made, or null where it failed as it may on a bad day. */
async function trySave(store: TokenStore, accessToken: string): Promise<number | null> {
  try {
    return (await endsInTime(store.saveToken({ ...USER, accessToken }))).revision;
  } catch (error) {
    const { name, code, retryable } = error as { name: unknown; code: unknown; retryable: unknown };
    assert.deepEqual(
      { name, code, retryable },
      { name: "TokenStoreError", code: "ERR_UNAVAILABLE", retryable: true },
      `a call that the backend's absence ends must be ERR_UNAVAILABLE and retryable, not ${String(error)}`,
    );
    return null;
  }
}

/** The same store works again by itself, and has what was acknowledged. */
async function worksAgain(store: TokenStore, acknowledged: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const revision = await trySave(store, `again-${attempt}`);
    if (revision !== null) {
      assert.ok(revision > acknowledged, `revision ${acknowledged} was acknowledged, then came ${revision}`);
      break;
    }
    assert.ok(attempt < 20, "the store must work again once the backend is back, without a restart");
    await sleep(250);
  }
  assert.equal((await store.getTokens()).length, 1);
}

/** A store that has saved once, and a backend that is well again when the case has ended. */
async function prepare(kit: Kit, mend?: keyof FaultMeans): Promise<TokenStore> {
  if (mend !== undefined) kit.onEnd(() => kit.module.faults?.[mend]?.());
  const store = await kit.open({ timeoutMs: TIMEOUT_MS });
  await store.saveToken({ ...USER, refreshToken: "bad-day-refresh" });
  return store;
}

/** While the backend is away every call ends, typed; afterwards the store works again. */
async function goneAndBack(kit: Kit, away: keyof FaultMeans, back: keyof FaultMeans): Promise<void> {
  const store = await prepare(kit, back);
  await kit.module.faults?.[away]?.();
  const saves = await Promise.all([1, 2, 3].map((index) => trySave(store, `away-${index}`)));
  assert.deepEqual(saves, [null, null, null], "no save can have been acknowledged meanwhile");
  await kit.module.faults?.[back]?.();
  await worksAgain(store, 1);
}

export const badDays: Case[] = [
  {
    paragraph: "7.3",
    name: "connections cut while calls are under way: each ends, typed, and the next ones work",
    faults: ["cut"],
    async run(kit) {
      const store = await prepare(kit);
      let acknowledged = 1;
      for (let round = 0; round < 10; round++) {
        const saves = [1, 2, 3].map((index) => trySave(store, `cut-${round}-${index}`));
        await sleep(round % 4); // at another point of the call each time
        await kit.module.faults?.cut?.();
        for (const revision of await Promise.all(saves)) acknowledged = Math.max(acknowledged, revision ?? 0);
      }
      await worksAgain(store, acknowledged);
    },
  },
  {
    paragraph: "7.3",
    name: "a reply lost after the write was done: one record, and no save counts twice",
    faults: ["loseReply"],
    async run(kit) {
      const store = await prepare(kit);
      let acknowledged = 1;
      let unknown = 0;
      for (let round = 0; round < 5; round++) {
        await kit.module.faults?.loseReply?.();
        const revision = await trySave(store, `lost-${round}`);
        if (revision === null) {
          unknown++;
          continue;
        }
        // a save that failed may have been done all the same, once
        const most = acknowledged + unknown + 1;
        assert.ok(
          revision > acknowledged && revision <= most,
          `revision ${acknowledged} was acknowledged, and ${unknown} saves may have been done since: ${revision} came`,
        );
        acknowledged = revision;
        unknown = 0;
      }
      await worksAgain(store, acknowledged);
    },
  },
  {
    paragraph: "7.3",
    name: "the server gone and back: no call hangs, and the store works again by itself",
    faults: ["stop", "start"],
    timeoutMs: 120_000,
    run: (kit) => goneAndBack(kit, "stop", "start"),
  },
  {
    paragraph: "7.3",
    name: "the server frozen past the time limit: no call hangs, and the store works again by itself",
    faults: ["freeze", "thaw"],
    timeoutMs: 120_000,
    run: (kit) => goneAndBack(kit, "freeze", "thaw"),
  },
];
