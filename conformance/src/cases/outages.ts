import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import type { Case, DisruptionMeans, Kit } from "../case.js";
import { check, plain, same } from "../expect.js";
import { inTime } from "../in-time.js";
import { startChild } from "../processes/index.js";
import { openClient } from "./clients.js";
import {
  disturb,
  HANGS_MS,
  LATE_MS,
  outcomeOf,
  restore,
  TIMEOUT_MS,
  trySave,
  untilItWorks,
  user,
} from "./disturbing.js";

const USER = "outage";

type Away = "stop" | "freeze" | "mute";

const DESCRIPTIONS: Readonly<Record<Away, string>> = {
  stop: "the server is gone",
  freeze: "the server is frozen",
  mute: "the server accepts connections and never answers",
};

/** A store that has saved once. */
async function usedStore(kit: Kit): Promise<TokenStore> {
  const store = await kit.open({ timeoutMs: TIMEOUT_MS });
  await untilItWorks(() => store.saveToken({ ...user(USER), refreshToken: "outage-refresh" }));
  return store;
}

/** The same store works again by itself, and has what was acknowledged. */
async function worksAgain(store: TokenStore, acknowledged: number): Promise<void> {
  let attempt = 0;
  const save = () =>
    store.saveToken({ ...user(USER), refreshToken: "outage-refresh", accessToken: `again-${++attempt}` });
  const revision = plain(await untilItWorks(save)).revision ?? 0;
  check(
    revision > acknowledged,
    `a revision above ${acknowledged}, which was acknowledged`,
    String(revision),
  );
  same((await store.getTokens()).length, 1, "the number of records");
}

/** During the outage every call ends with the right error; afterwards the store works again. */
async function awayAndBack(kit: Kit, away: Away, store: TokenStore, acknowledged: number): Promise<void> {
  const saves = [1, 2, 3].map((index) => trySave(store, USER, { accessToken: `away-${index}` }));
  const find = outcomeOf(store.findToken(user(USER)));
  same(await Promise.all(saves), [null, null, null], `the revisions of saves while ${DESCRIPTIONS[away]}`);
  same((await find).error?.uncertain, false, "uncertain, on the error of a find,");
  await restore(kit);
  await worksAgain(store, acknowledged);
}

const awayCases = (["stop", "freeze", "mute"] as const).flatMap((away): Case[] => [
  {
    checks: ["7.3b", "7.3c", "7.3d", "7.1g", "7.2g"],
    name: `${DESCRIPTIONS[away]} for a while: no call hangs, and the store works again by itself`,
    disruptions: [away, "restore"],
    timeoutMs: 120_000,
    async run(kit) {
      const store = await usedStore(kit);
      await disturb(kit, away);
      await awayAndBack(kit, away, store, 1);
    },
  },
  {
    checks: ["7.3h", "7.3b", "7.3c"],
    name: `${DESCRIPTIONS[away]} when a store is used for the first time: the same store works later`,
    disruptions: [away, "restore"],
    timeoutMs: 120_000,
    async run(kit) {
      await disturb(kit, away);
      const store = await inTime(kit.open({ timeoutMs: TIMEOUT_MS }), HANGS_MS, "open()");
      await awayAndBack(kit, away, store, 0);
    },
  },
]);

/** Calls that failed during an outage have no effect after it, on a store over `client` or over its own. */
async function nothingIsSentLate(kit: Kit, store: TokenStore): Promise<void> {
  const child = await startChild(kit);
  const ids = ["deleted", "kept", "saved"];
  await child.run("save", { tokens: ids.map((id) => ({ id, refreshToken: `refresh-${id}` })) });
  await untilItWorks(() => store.getTokens());
  await disturb(kit, "stop");
  const calls = [
    store.deleteToken("deleted"),
    store.saveToken({ id: "saved", apiDomain: "late" }),
    store.saveToken({ id: "inserted", refreshToken: "late" }),
    store.deleteTokens(),
  ];
  for (const outcome of await Promise.all(calls.map((call) => outcomeOf<unknown>(call)))) {
    check(outcome.error !== undefined, "an error from each call while the server is gone", "success");
  }
  const newer = ids.map((id) => ({ id, accessToken: `newer-${id}` }));
  await child.run("save", { tokens: newer });
  await restore(kit);
  await untilItWorks(() => store.findTokenById("saved"));
  await sleep(LATE_MS);
  const found = await child.run("getTokens", {});
  found.sort((one, other) => ids.indexOf(one.id ?? "") - ids.indexOf(other.id ?? ""));
  same(
    found.map(({ id, accessToken, apiDomain, revision }) => ({ id, accessToken, apiDomain, revision })),
    newer.map((token) => ({ ...token, apiDomain: null, revision: 2 })),
    "what another process finds, after calls that had failed,",
  );
}

export const outages: Case[] = [
  ...awayCases,
  {
    checks: ["7.3c", "7.3b", "7.3d", "7.3e", "7.2g"],
    name: "connections are cut during calls: each call ends with success or ERR_UNAVAILABLE, and later ones work",
    disruptions: ["cut"],
    async run(kit) {
      const store = await usedStore(kit);
      const acknowledged = [1];
      for (let round = 0; round < 16; round++) {
        const saves = [1, 2, 3].map((index) =>
          trySave(store, USER, { accessToken: `cut-${round}-${index}` }),
        );
        await sleep(round % 8); // at another point of the call each time
        await disturb(kit, "cut");
        for (const revision of await Promise.all(saves)) if (revision !== null) acknowledged.push(revision);
      }
      // Two saves of one revision would mean that one of them was not applied, or lost again.
      same(
        acknowledged.length,
        new Set(acknowledged).size,
        "the number of different revisions that were acknowledged",
      );
      await worksAgain(store, Math.max(...acknowledged));
    },
  },
  {
    checks: ["7.3f", "7.3d"],
    name: "calls that failed while the server was gone have no effect once it is back",
    needs: ["shared"],
    disruptions: ["stop", "restore"],
    timeoutMs: 120_000,
    run: async (kit) => nothingIsSentLate(kit, await kit.open({ timeoutMs: TIMEOUT_MS })),
  },
  {
    checks: ["7.3f", "7.3d", "5.1b"],
    name: "over a caller's client too, calls that failed while the server was gone have no effect once it is back",
    needs: ["shared"],
    needsClient: true,
    disruptions: ["stop", "restore"],
    timeoutMs: 120_000,
    run: async (kit) =>
      nothingIsSentLate(kit, await kit.openOn(await openClient(kit), { timeoutMs: TIMEOUT_MS })),
  },
  {
    checks: ["7.3g", "7.1g"],
    name: "a write that a frozen server applies late was reported as uncertain",
    needs: ["shared"],
    disruptions: ["freeze", "restore"],
    timeoutMs: 120_000,
    async run(kit) {
      const child = await startChild(kit);
      const store = await kit.open({ timeoutMs: TIMEOUT_MS });
      await child.run("save", { tokens: ["one", "two"].map((id) => ({ id, refreshToken: `r-${id}` })) });
      const one = await untilItWorks(() => store.findTokenById("one"));
      await disturb(kit, "freeze");
      const calls: Readonly<Record<string, Promise<unknown>>> = {
        one: store.saveToken(one?.with({ apiDomain: "late" }) ?? {}),
        two: store.deleteToken("two"),
        three: store.saveToken({ id: "three", refreshToken: "r3" }),
      };
      const outcomes = await Promise.all(Object.values(calls).map((call) => outcomeOf(call)));
      await restore(kit);
      await untilItWorks(() => store.findTokenById("one"));
      await sleep(LATE_MS);
      const found = await child.run("getTokens", {});
      const isThere = (id: string): boolean => found.some((token) => token.id === id);
      const wasApplied = [
        found.some(({ apiDomain }) => apiDomain === "late"),
        !isThere("two"),
        isThere("three"),
      ];
      for (const [index, name] of Object.keys(calls).entries()) {
        if (!wasApplied[index]) continue;
        same(
          outcomes[index]?.error?.uncertain ?? true,
          true,
          `uncertain, on the error of the write of "${name}",`,
        );
      }
    },
  },
  ...(["stop", "mute"] as const).map(
    (away): Case => ({
      checks: ["6.4e", "7.3b"],
      name: `withLock keeps its own limits if ${DESCRIPTIONS[away]} while the store opens`,
      needs: ["locks"],
      disruptions: [away, "restore"],
      run: (kit) => limitsWhileOpening(kit, away),
    }),
  ),
  {
    checks: ["6.2e"],
    name: "work does not begin under a lease that expired on the way",
    needs: ["locks"],
    disruptions: ["freeze", "restore"],
    async run(kit) {
      const leaseMs = 2000;
      const store = await kit.open({ leaseMs, timeoutMs: 10_000 });
      await store.withLock("another key", () => {}); // so that only the grant has to come late
      await disturb(kit, "freeze");
      const call = store.withLock("key", async ({ signal }) => {
        await sleep(50);
        return signal.aborted;
      });
      await sleep(1.5 * leaseMs);
      await restore(kit);
      same(await call, false, "whether the lease was lost 50 ms after work began");
    },
  },
];

/** Far below the time limit of the store, which is 10 s here. */
const SOON_MS = 5000;

async function limitsWhileOpening(kit: Kit, away: keyof DisruptionMeans & Away): Promise<void> {
  await disturb(kit, away);
  const reason = new Error("the caller's own reason");
  const late = new AbortController();
  setTimeout(() => late.abort(reason), 200).unref();
  const limits = [
    { options: { timeoutMs: 300 }, expected: "ERR_LOCK_TIMEOUT or ERR_UNAVAILABLE" },
    { options: { signal: AbortSignal.abort(reason) }, expected: "the reason of the signal" },
    { options: { signal: late.signal }, expected: "the reason of the signal" },
  ];
  let hasRun = false;
  for (const { options, expected } of limits) {
    const store = await kit.open();
    const work = (): void => {
      hasRun = true;
    };
    const call = store.withLock("key", work, options).then(
      () => "success",
      (error: unknown) =>
        error === reason ? "the reason of the signal" : (error as { code?: unknown }).code,
    );
    const came = await inTime(call, SOON_MS, "withLock, while the store can't open,");
    check(expected.includes(String(came)), expected, String(came));
  }
  check(!hasRun, "work that does not run", "it ran");
}
