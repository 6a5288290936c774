import { setTimeout as sleep } from "node:timers/promises";
import type { OAuthToken, TokenInput, TokenStore } from "@tokenkeep/core";
import type { Case, Kit } from "../case.js";
import { check, plain, same } from "../expect.js";
import { type Child, startChild } from "../processes/index.js";
import { show } from "../show.js";
import { LATE_MS, loseReply, type Outcome, outcomeOf, restore, untilItWorks, user } from "./disturbing.js";
import { expectFree } from "./locks.js";

/** Long enough for the second actor to act before the call gives up. */
const TIMEOUT_MS = 5000;
/** How long to wait for the server to apply a write whose reply is lost. */
const APPLIED_MS = 700;
/** Which reply is lost: a write may take several requests, and the first of them may be a read. */
const SKIPS = [0, 1, 2];

/** A write whose reply was lost, or will be. */
interface LostWrite<T> {
  readonly outcome: Promise<Outcome<T>>;
  /** Whether another process has seen the write applied. */
  readonly isApplied: boolean;
}

/** Begins a write, loses one of its replies, and waits until another process sees the write applied, or for a while. */
async function writeWithLostReply<T>(
  kit: Kit,
  skip: number,
  write: () => Promise<T>,
  isApplied: () => Promise<boolean>,
): Promise<LostWrite<T>> {
  await loseReply(kit, skip);
  const outcome = outcomeOf(write(), (code) => code === "ERR_CONFLICT");
  const end = Date.now() + APPLIED_MS;
  let wasSeen = await isApplied();
  while (!wasSeen && Date.now() < end) {
    await sleep(10);
    wasSeen = await isApplied();
  }
  return { outcome, isApplied: wasSeen };
}

/** Restores the connection, and waits until the call has ended and had every chance to do something more. */
async function settle<T>(kit: Kit, store: TokenStore, write: LostWrite<T>): Promise<Outcome<T>> {
  await restore(kit);
  const outcome = await write.outcome;
  await untilItWorks(() => store.getTokens());
  await sleep(LATE_MS);
  return outcome;
}

const find = (child: Child, query: TokenInput) => child.run("findToken", { query });

/** A write that was applied either succeeds or fails as uncertain. */
function expectTruth<T>({ isApplied }: LostWrite<T>, outcome: Outcome<T>): void {
  if (!isApplied || outcome.error === undefined) return;
  const { code, uncertain } = outcome.error;
  same(
    { code, uncertain },
    { code: "ERR_UNAVAILABLE", uncertain: true },
    "the error of a write that was applied",
  );
}

/** A saves and the reply is lost; B saves something newer. */
async function saveAndNewerSave(kit: Kit, options?: { readonly ifRevision: number }): Promise<void> {
  const child = await startChild(kit);
  const store = await kit.open({ timeoutMs: TIMEOUT_MS });
  for (const skip of SKIPS) {
    const who = user(`lost-${skip}`);
    const first = await store.saveToken({ ...who, refreshToken: `old-${skip}`, accessToken: `a1-${skip}` });
    const copy = first.with({ accessToken: `a2-${skip}` });
    const isApplied = async () => (await find(child, who))?.accessToken === `a2-${skip}`;
    const write = await writeWithLostReply(kit, skip, () => store.saveToken(copy, options), isApplied);
    const newer = { ...who, refreshToken: `new-${skip}`, accessToken: `b-${skip}` };
    const [saved] = await child.run("save", { tokens: [newer] });
    same(saved?.code, null, "the code of the error of the other process's save");
    const outcome = await settle(kit, store, write);
    const found = await find(child, who);
    same(found?.refreshToken, newer.refreshToken, "the refresh token, which the other process has changed,");
    expectTruth(write, outcome);
    if (!write.isApplied) continue; // it came after the other process's save
    same(found?.accessToken, newer.accessToken, "the access token, which the other process saved last,");
    same(found?.revision, saved?.revision, "the revision of the other process's save");
  }
}

export const lostReplies: Case[] = [
  {
    checks: ["7.3e"],
    name: "a save whose reply was lost is applied once",
    needs: ["shared"],
    disruptions: ["loseReply", "restore"],
    timeoutMs: 120_000,
    async run(kit) {
      const child = await startChild(kit);
      const store = await kit.open({ timeoutMs: TIMEOUT_MS });
      for (const skip of SKIPS) {
        const who = user(`once-${skip}`);
        const first = await store.saveToken({ ...who, refreshToken: `r-${skip}`, accessToken: `a1-${skip}` });
        const copy = first.with({ accessToken: `a2-${skip}` });
        const isApplied = async () => (await find(child, who))?.accessToken === `a2-${skip}`;
        const write = await writeWithLostReply(kit, skip, () => store.saveToken(copy), isApplied);
        const outcome = await settle<OAuthToken>(kit, store, write);
        const found = await find(child, who);
        if (outcome.error === undefined) same(plain(outcome.value), found, "what the save resolved with");
        expectTruth(write, outcome);
        const most = first.revision === null ? 0 : first.revision + 1;
        check((found?.revision ?? 0) <= most, `a revision of at most ${most}`, show(found));
      }
    },
  },
  {
    checks: ["7.3e", "7.3g"],
    name: "a save whose reply was lost does not overwrite a newer save of another process",
    needs: ["shared"],
    disruptions: ["loseReply", "restore"],
    timeoutMs: 120_000,
    run: (kit) => saveAndNewerSave(kit),
  },
  {
    checks: ["7.3g", "3.6b"],
    name: "a conditional save that was applied, whose reply was lost, is never reported as a conflict",
    needs: ["shared", "revisions"],
    disruptions: ["loseReply", "restore"],
    timeoutMs: 120_000,
    run: (kit) => saveAndNewerSave(kit, { ifRevision: 1 }),
  },
  {
    checks: ["7.3e"],
    name: "an insert whose reply was lost is not repeated after another process has deleted the record",
    needs: ["shared"],
    disruptions: ["loseReply", "restore"],
    timeoutMs: 120_000,
    async run(kit) {
      const child = await startChild(kit);
      const store = await kit.open({ timeoutMs: TIMEOUT_MS });
      await untilItWorks(() => store.getTokens());
      for (const skip of SKIPS) {
        const token = { id: `inserted-${skip}`, refreshToken: `r-${skip}` };
        const isApplied = async () => (await find(child, { id: token.id })) !== null;
        const write = await writeWithLostReply(kit, skip, () => store.saveToken(token), isApplied);
        await child.run("deleteToken", { id: token.id });
        expectTruth(write, await settle(kit, store, write));
        if (write.isApplied)
          same(await find(child, { id: token.id }), null, "what is found after the delete");
      }
    },
  },
  {
    checks: ["7.3e"],
    name: "a delete whose reply was lost does not remove what another process has saved since",
    needs: ["shared"],
    disruptions: ["loseReply", "restore"],
    timeoutMs: 120_000,
    async run(kit) {
      const child = await startChild(kit);
      const store = await kit.open({ timeoutMs: TIMEOUT_MS });
      for (const skip of SKIPS) {
        const token = { id: `deleted-${skip}`, refreshToken: `r-${skip}` };
        await store.saveToken(token);
        const isApplied = async () => (await find(child, { id: token.id })) === null;
        const write = await writeWithLostReply(kit, skip, () => store.deleteToken(token.id), isApplied);
        const [saved] = await child.run("save", { tokens: [{ ...token, accessToken: `newer-${skip}` }] });
        expectTruth(write, await settle(kit, store, write));
        if (!write.isApplied) continue;
        const found = await find(child, { id: token.id });
        same(found?.revision, saved?.revision, "the revision of the record that the other process saved");
      }
    },
  },
  {
    checks: ["6.3e"],
    name: "a lock that was held to the end is not lost with the reply to its release",
    needs: ["locks"],
    disruptions: ["loseReply", "restore"],
    async run(kit) {
      const store = await kit.open({ timeoutMs: TIMEOUT_MS });
      for (const skip of [0, 1]) {
        const work = async (): Promise<string> => {
          await loseReply(kit, skip);
          return "done";
        };
        same(await store.withLock(`key-${skip}`, work), "done", "what withLock returns");
        await restore(kit);
        await untilItWorks(() => store.getTokens());
        // If the release was lost on the way, the lock is free once its lease of 10 s has expired.
        await expectFree(store, `key-${skip}`, 20_000);
      }
    },
  },
];
