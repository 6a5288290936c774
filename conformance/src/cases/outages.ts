import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import type { Case, DisruptionMeans, Kit } from "../case.js";
import { check, expectError, plain, same } from "../expect.js";
import { inTime } from "../in-time.js";

/** The time limit of the calls in these cases, where the module hands it on. */
const TIMEOUT_MS = 2000;
/** Above the default time limit, for a module that does not hand the option on: what takes so long hangs. */
const HANGS_MS = 15_000;
const USER = { userSignature: { name: "bad-day" } };

/** The revision that a save made, or null where it failed as it may on a bad day. */
async function trySave(store: TokenStore, accessToken: string): Promise<number | null> {
  try {
    return plain(await inTime(store.saveToken({ ...USER, accessToken }), HANGS_MS)).revision;
  } catch (error) {
    const { retryable } = expectError(error, "ERR_UNAVAILABLE");
    same(retryable, true, "retryable, where the backend's absence ended the call,");
    return null;
  }
}

/** The same store works again by itself, and has what was acknowledged. */
async function worksAgain(store: TokenStore, acknowledged: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const revision = await trySave(store, `again-${attempt}`);
    if (revision !== null) {
      check(
        revision > acknowledged,
        `a revision above ${acknowledged}, which was acknowledged`,
        String(revision),
      );
      break;
    }
    check(
      attempt < 20,
      "a store that works again once the backend is back",
      "ERR_UNAVAILABLE, 20 times in 5 s",
    );
    await sleep(250);
  }
  same((await store.getTokens()).length, 1, "the number of records");
}

/** A store that has saved once, and a backend that is well again when the case has ended. */
async function prepare(kit: Kit, mend?: keyof DisruptionMeans): Promise<TokenStore> {
  if (mend !== undefined) kit.onEnd(() => kit.module.disruptions?.[mend]?.());
  const store = await kit.open({ timeoutMs: TIMEOUT_MS });
  await store.saveToken({ ...USER, refreshToken: "bad-day-refresh" });
  return store;
}

async function disturb(kit: Kit, means: keyof DisruptionMeans): Promise<void> {
  kit.note(`module.disruptions.${means}()`)("");
  await kit.module.disruptions?.[means]?.();
}

/** While the backend is away every call ends, typed; afterwards the store works again. */
async function goneAndBack(
  kit: Kit,
  away: keyof DisruptionMeans,
  back: keyof DisruptionMeans,
): Promise<void> {
  const store = await prepare(kit, back);
  await disturb(kit, away);
  const saves = await Promise.all([1, 2, 3].map((index) => trySave(store, `away-${index}`)));
  same(saves, [null, null, null], "the revisions of saves that nothing can have acknowledged");
  await disturb(kit, back);
  await worksAgain(store, 1);
}

export const outages: Case[] = [
  {
    checks: ["7.3c", "7.3b", "7.3d", "7.3e", "7.2g"],
    name: "connections cut while calls are under way: each ends, typed, and the next ones work",
    disruptions: ["cut"],
    async run(kit) {
      const store = await prepare(kit);
      let acknowledged = 1;
      for (let round = 0; round < 10; round++) {
        const saves = [1, 2, 3].map((index) => trySave(store, `cut-${round}-${index}`));
        await sleep(round % 4); // at another point of the call each time
        await disturb(kit, "cut");
        for (const revision of await Promise.all(saves)) acknowledged = Math.max(acknowledged, revision ?? 0);
      }
      await worksAgain(store, acknowledged);
    },
  },
  {
    checks: ["7.3e"],
    name: "a reply lost after the write was done: one record, and no save counts twice",
    disruptions: ["loseReply"],
    async run(kit) {
      const store = await prepare(kit);
      let acknowledged = 1;
      let unknown = 0;
      for (let round = 0; round < 5; round++) {
        await disturb(kit, "loseReply");
        const revision = await trySave(store, `lost-${round}`);
        if (revision === null) {
          unknown++;
          continue;
        }
        // a save that failed may have been done all the same, once
        const most = acknowledged + unknown + 1;
        check(
          revision > acknowledged && revision <= most,
          `a revision from ${acknowledged + 1} to ${most}: ${acknowledged} was acknowledged, ${unknown} saves were not`,
          String(revision),
        );
        acknowledged = revision;
        unknown = 0;
      }
      await worksAgain(store, acknowledged);
    },
  },
  {
    checks: ["7.3b", "7.3c", "7.3d", "7.2g"],
    name: "the server gone and back: no call hangs, and the store works again by itself",
    disruptions: ["stop", "start"],
    timeoutMs: 120_000,
    run: (kit) => goneAndBack(kit, "stop", "start"),
  },
  {
    checks: ["7.3b", "7.3c", "7.3d", "7.2g"],
    name: "the server frozen past the time limit: no call hangs, and the store works again by itself",
    disruptions: ["freeze", "thaw"],
    timeoutMs: 120_000,
    run: (kit) => goneAndBack(kit, "freeze", "thaw"),
  },
];
