import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeadlock, isDuplicate } from "./explain.js";
import type { MongoLeases } from "./mongo-leases.js";
import { WriteLine } from "./write-line.js";

/** The lease of those that were in a deadlock, and how long a turn lasts where its holder dies. */
const TURN = "~turn";
const TURN_MS = 3000;

/** Brings writes through that race for one key, with others of this process and of other processes. */
export class Writer {
  readonly #leases: MongoLeases;
  readonly #timeoutMs: number;
  readonly #line: WriteLine;

  constructor(leases: MongoLeases, timeoutMs: number) {
    this.#leases = leases;
    this.#timeoutMs = timeoutMs;
    this.#line = new WriteLine(timeoutMs);
  }

  /**
   * @param keys what no other document may have
   * @param write resolves with whether it was done
   * @returns false also where a unique index has refused it
   */
  async write(keys: readonly string[], write: () => Promise<boolean>): Promise<boolean> {
    return this.#line.enter(keys, async () => (await unlessTaken(write)) ?? this.#inTurn(write));
  }

  // Who was in a deadlock and comes back at once meets the others that still wait, and none of them ever gets
  // through. So all who were come back one at a time. This is for progress alone: each write has its condition.
  async #inTurn(write: () => Promise<boolean>): Promise<boolean> {
    const owner = randomUUID();
    const end = performance.now() + this.#timeoutMs;
    try {
      while ((await this.#leases.acquire(TURN, owner, TURN_MS, TURN_MS)) === null) {
        if (performance.now() > end) return false;
        await sleep(10 + Math.random() * 40);
      }
      while (performance.now() < end) {
        const isDone = await unlessTaken(write);
        if (isDone !== undefined) return isDone;
      }
      return false;
    } finally {
      // it ends by itself, and the write is done
      await this.#leases.release(TURN, owner).catch(() => {});
    }
  }
}

/** Whether the write was done: false where it was refused, undefined where it was in a deadlock. */
async function unlessTaken(write: () => Promise<boolean>): Promise<boolean | undefined> {
  try {
    return await write();
  } catch (error) {
    if (isDuplicate(error)) return false;
    if (isDeadlock(error)) return undefined;
    throw error;
  }
}
