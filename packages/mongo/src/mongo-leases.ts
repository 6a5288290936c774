import type { Leases } from "@tokenkeep/core";
import type { Collection, Document } from "mongodb";
import { isDuplicate } from "./explain.js";
import type { Layout, StoredDocument } from "./layout.js";

/**
 * One document per lock, kept after its release since its fence may never go back:
 * `owner` and `expiresAt` of the lease, `next` and `nextUntil` of the one place in line, `fence`.
 *
 * Each step is one `findOneAndUpdate` with a pipeline, so that the server decides, atomically and by its own
 * clock (`$$NOW`: https://www.mongodb.com/docs/v8.0/reference/aggregation-variables/). What it decided is
 * the `answer` in the document that comes back.
 */
export class MongoLeases implements Leases {
  readonly #collection: Collection<StoredDocument>;
  readonly #layout: Layout;

  constructor(collection: Collection<StoredDocument>, layout: Layout) {
    this.#collection = collection;
    this.#layout = layout;
  }

  async acquire(key: string, owner: string, leaseMs: number, placeMs: number): Promise<number | null> {
    const me = { $literal: owner };
    const isNext = { $eq: ["$next", me] };
    const isPlaceTaken = isLater("$next", "$nextUntil");
    const ifHeld = { $cond: [{ $and: [isPlaceTaken, { $not: [isNext] }] }, "no", "wait"] };
    const ifFree = { $cond: [{ $or: [isNext, { $not: [isPlaceTaken] }] }, "granted", "no"] };
    const decide = { $cond: [isHeldBy(me), "again", { $cond: [isHeld, ifHeld, ifFree] }] };
    const isGranted = { $eq: ["$answer", "granted"] };
    const isMine = { $in: ["$answer", ["granted", "again"]] };
    const isWaiting = { $eq: ["$answer", "wait"] };
    const pipeline = [
      { $set: { answer: decide } },
      {
        $set: {
          owner: { $cond: [isMine, me, "$owner"] },
          expiresAt: { $cond: [isMine, { $add: ["$$NOW", leaseMs] }, "$expiresAt"] },
          fence: { $add: ["$fence", { $cond: [isGranted, 1, 0] }] },
          next: { $cond: [isMine, null, { $cond: [isWaiting, me, "$next"] }] },
          nextUntil: { $cond: [isWaiting, { $add: ["$$NOW", placeMs] }, "$nextUntil"] },
        },
      },
    ];
    let lock = await this.#update(key, pipeline);
    if (lock === null) {
      await this.#make(key);
      lock = await this.#update(key, pipeline);
    }
    return lock?.owner === owner && (lock.answer === "granted" || lock.answer === "again")
      ? Number(lock.fence)
      : null;
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<boolean> {
    const me = { $literal: owner };
    const lock = await this.#update(key, [
      { $set: { answer: { $cond: [isHeldBy(me), "renewed", "no"] } } },
      {
        $set: {
          expiresAt: { $cond: [{ $eq: ["$answer", "renewed"] }, { $add: ["$$NOW", leaseMs] }, "$expiresAt"] },
        },
      },
    ]);
    return lock?.answer === "renewed";
  }

  async release(key: string, owner: string): Promise<boolean> {
    const me = { $literal: owner };
    const lock = await this.#update(key, [
      { $set: { answer: { $cond: [isHeldBy(me), "released", "no"] } } },
      {
        $set: {
          owner: { $cond: [{ $eq: ["$owner", me] }, null, "$owner"] },
          next: { $cond: [{ $eq: ["$next", me] }, null, "$next"] },
        },
      },
    ]);
    return lock?.answer === "released";
  }

  async #update(key: string, pipeline: Document[]): Promise<StoredDocument | null> {
    return this.#collection.findOneAndUpdate({ _id: { $eq: this.#layout.lockId(key) } }, pipeline, {
      returnDocument: "after",
      includeResultMetadata: false,
    });
  }

  // Once in the life of a key. Not an upsert: where several of those race, FerretDB refuses `$$NOW`.
  async #make(key: string): Promise<void> {
    const _id = this.#layout.lockId(key);
    try {
      await this.#collection.insertOne({ _id, keys: [_id], fence: 0 });
    } catch (error) {
      if (!isDuplicate(error)) throw error; // else somebody else has just made it
    }
  }
}

/** Whether `who` is set and `until` is not over, by the server's clock. */
function isLater(who: string, until: string): Document {
  return { $and: [{ $ne: [{ $ifNull: [who, null] }, null] }, { $gt: [until, "$$NOW"] }] };
}

const isHeld: Document = isLater("$owner", "$expiresAt");

function isHeldBy(me: Document): Document {
  return { $and: [isHeld, { $eq: ["$owner", me] }] };
}
