import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case, Kit } from "../case.js";
import { type Child, killToken, startChild } from "../processes/index.js";

/** A round kills at most so long after the first acknowledged save, in milliseconds. */
const LATEST_KILL_MS = 120;

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One life of a writer, ended in the middle. @returns the last save that it was told was done */
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

/** Opens the store again and looks at what the dead writer left. @returns the revision that stands now */
async function check(kit: Kit, user: string, round: number, last: { revision: number; serial: number }) {
  const store = await kit.open();
  try {
    const found = await store.findToken({ userSignature: { name: user } });
    assert.notEqual(found, null, `round ${round}: the record is gone`);
    const revision = found?.revision ?? 0;
    const ahead = revision - last.revision;
    assert.ok(
      // the save that was under way may have been done, and its answer killed with the process
      ahead === 0 || ahead === 1,
      `round ${round}: revision ${last.revision} was acknowledged, ${revision} is there`,
    );
    const { userSignature, clientId, refreshToken, accessToken, expiresAt, apiDomain } = found!.toPlain();
    assert.deepEqual(
      { userSignature, clientId, refreshToken, accessToken, expiresAt, apiDomain },
      killToken(user, round, last.serial + ahead),
      `round ${round}: the record must be one whole save`,
    );
    assert.deepEqual(
      (await store.findToken({ refreshToken: refreshToken ?? "" }))?.id,
      found?.id,
      `round ${round}: the lookups must lead to the record`,
    );
    const again = await store.saveToken({
      userSignature: { name: user },
      clientId: "kill-client",
      apiDomain,
    });
    assert.equal(again.revision, revision + 1, `round ${round}: saves must work again`);
    return revision + 1;
  } finally {
    await store.close();
  }
}

export const kill: Case[] = [
  {
    paragraph: "5.5",
    name: "a writer killed with SIGKILL at a random moment loses no save that resolved, and tears none",
    needs: ["durable"],
    timeoutMs: 1_800_000, // with as many rounds as one likes
    async run(kit) {
      const random = randomFrom(kit.seed);
      const user = "kill";
      let next = startChild(kit);
      for (let round = 1; round <= kit.rounds; round++) {
        const child = await next;
        const isLast = round === kit.rounds;
        // the next writer starts while this one writes: a round then costs little more than its writing
        if (!isLast) next = startChild(kit);
        const last = await writeUntilKilled(child, user, round, random() * LATEST_KILL_MS);
        await check(kit, user, round, last);
      }
    },
  },
  {
    paragraph: "5.5",
    name: "a writer killed in the middle of its first save leaves a space that opens",
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
          const serial = found.revision ?? 0;
          assert.equal(found.refreshToken, killToken(user, round, serial).refreshToken);
        }
        await store.saveToken({ userSignature: { name: user }, refreshToken: `after-${round}` });
        await store.close();
      }
    },
  },
  {
    paragraph: "5.5",
    name: "one writer killed leaves the others' saves alone",
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
      assert.equal(found?.revision, saves, "each save of the process that lives on must count");
    },
  },
];
