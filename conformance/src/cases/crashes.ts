import { setTimeout as sleep } from "node:timers/promises";
import type { Case, Kit } from "../case.js";
import { check, expectToken, plain, same } from "../expect.js";
import { type Child, killToken, startChild } from "../processes/index.js";

/** A round kills at most this long after the first acknowledged save, in milliseconds. */
const LATEST_KILL_MS = 120;

/** Pseudorandom numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Kills a writer while it saves. @returns the last save that was acknowledged */
async function writeUntilKilled(
  child: Child,
  user: string,
  round: number,
  afterMs: number,
): Promise<{ revision: number; serial: number }> {
  const writing = child.begin("saveUntilKilled", { user, round });
  await writing.first();
  await sleep(afterMs);
  await child.kill("SIGKILL");
  return writing.events.at(-1)!;
}

/** Opens the store again and checks what the killed writer left. */
async function checkRecord(
  kit: Kit,
  user: string,
  round: number,
  last: { revision: number; serial: number },
): Promise<void> {
  const store = await kit.open();
  try {
    const found = await store.findToken({ userSignature: { name: user } });
    const acknowledged = `in round ${round}, the record at revision ${last.revision}, which was acknowledged`;
    check(found !== null, acknowledged, "null");
    const revision = plain(found).revision ?? 0;
    const ahead = revision - last.revision;
    // The save in progress may have been applied, although its reply was lost with the process.
    check(ahead === 0 || ahead === 1, `${acknowledged}, or the next`, `revision ${revision}`);
    const { id, refreshToken, apiDomain } = expectToken(found, {
      ...killToken(user, round, last.serial + ahead),
      revision,
    });
    // A server may apply the save in progress as late as now.
    const late = { revision: last.revision + 1, serial: last.serial + 1 };
    const byToken = await store.findToken({ refreshToken });
    if (byToken === null && ahead === 0) {
      const now = await store.findToken({ userSignature: { name: user } });
      if (now !== null && plain(now).revision === late.revision)
        return await checkRecord(kit, user, round, late);
    }
    same(
      byToken === null ? null : plain(byToken).id,
      id,
      "the id of the record that the refresh token finds",
    );
    const again = plain(
      await store.saveToken({ userSignature: { name: user }, clientId: "kill-client", apiDomain }),
    );
    const isLate =
      ahead === 0 && again.refreshToken === killToken(user, round, late.serial).refreshToken ? 1 : 0;
    same(again.revision, revision + isLate + 1, "the revision of a save after that");
    if (isLate === 0) same(again.refreshToken, refreshToken, "the refresh token after that save");
  } finally {
    await store.close();
  }
}

export const crashes: Case[] = [
  {
    checks: ["5.5b", "3.1e", "3.5c"],
    name: "a writer killed with SIGKILL at a random moment loses no save that resolved, and leaves no record torn",
    needs: ["durable"],
    roundMs: 20_000,
    async run(kit) {
      const random = randomFrom(kit.seed);
      const user = "kill";
      let next = startChild(kit);
      for (let round = 1; round <= kit.rounds; round++) {
        const child = await next;
        const isLast = round === kit.rounds;
        // The next writer starts while this one writes, which makes rounds short.
        if (!isLast) next = startChild(kit);
        const last = await writeUntilKilled(child, user, round, random() * LATEST_KILL_MS);
        await checkRecord(kit, user, round, last);
      }
    },
  },
  {
    checks: ["5.5c"],
    name: "a writer killed during its first save leaves a store that opens",
    needs: ["durable"],
    async run(kit) {
      const random = randomFrom(kit.seed + 1);
      for (let round = 1; round <= Math.min(kit.rounds, 3); round++) {
        const child = await startChild(kit);
        const user = `first-${round}`;
        child.begin("saveUntilKilled", { user, round });
        await sleep(random() * 20);
        await child.kill("SIGKILL");
        const store = await kit.open();
        const found = await store.findToken({ userSignature: { name: user } });
        if (found !== null) {
          const revision = plain(found).revision ?? 0;
          expectToken(found, { ...killToken(user, round, revision), revision });
        }
        await store.saveToken({ userSignature: { name: user }, refreshToken: `after-${round}` });
        await store.close();
      }
    },
  },
  {
    checks: ["5.5c"],
    name: "a killed writer does not disturb the saves of others",
    needs: ["durable", "shared"],
    async run(kit) {
      const victim = await startChild(kit);
      const survivor = await startChild(kit);
      const dying = victim.begin("saveUntilKilled", { user: "victim", round: 1 });
      const living = survivor.begin("alternate", {
        versions: [killToken("survivor", 1, 1), killToken("survivor", 1, 2)],
      });
      await dying.first();
      await sleep(randomFrom(kit.seed + 2)() * LATEST_KILL_MS);
      await victim.kill("SIGKILL");
      await sleep(50);
      const { saves } = await living.stop();
      const found = await kit.store.findToken({ userSignature: { name: "survivor" } });
      same(
        found === null ? null : plain(found).revision,
        saves,
        "the revision, after the saves of the surviving process,",
      );
    },
  },
];
