import type { Deadline, Leases } from "@tokenkeep/core/backend";
import type { Collection, Document } from "mongodb";
import type { Connection } from "./connection.js";
import type { Layout, StoredDocument } from "./documents.js";
import { isDuplicate } from "./errors.js";

/**
 * One document per lock: `owner` and `heldUntil`, `nextOwner` and `nextUntil` of the reservation, `fence`. It is kept
 * after a release, since the fencing token must never go back.
 *
 * Each step is one `findOneAndUpdate` with a pipeline, so that the server decides, atomically and by its own clock
 * (`$$NOW`, https://www.mongodb.com/docs/v8.0/reference/aggregation-variables/). The rules are those of core's
 * `grantLease`; what was decided is the `outcome` in the document that comes back.
 */
export class MongoLeases implements Leases {
  readonly #connection: Connection;
  readonly #collection: Collection<StoredDocument>;
  readonly #layout: Layout;

  constructor(connection: Connection, collection: Collection<StoredDocument>, layout: Layout) {
    this.#connection = connection;
    this.#collection = collection;
    this.#layout = layout;
  }

  async acquire(
    key: string,
    owner: string,
    leaseMs: number,
    reserveMs: number,
    deadline: Deadline,
  ): Promise<number | null> {
    const me = { $literal: owner };
    const isReserved = { $and: [isLater("$nextOwner", "$nextUntil"), { $ne: ["$nextOwner", me] }] };
    const ifNotMine = oneOf(isReserved, "refused", oneOf(isHeld, "reserved", "granted"));
    const is = (outcome: string) => ({ $eq: ["$outcome", outcome] });
    const isMine = { $or: [is("granted"), is("held")] };
    const pipeline = [
      { $set: { outcome: oneOf(isHeldBy(me), "held", ifNotMine) } },
      {
        $set: {
          owner: oneOf(isMine, me, "$owner"),
          heldUntil: oneOf(isMine, { $add: ["$$NOW", leaseMs] }, "$heldUntil"),
          fence: { $add: ["$fence", oneOf(is("granted"), 1, 0)] },
          nextOwner: oneOf(is("granted"), null, oneOf(is("reserved"), me, "$nextOwner")),
          nextUntil: oneOf(is("reserved"), { $add: ["$$NOW", reserveMs] }, "$nextUntil"),
        },
      },
    ];
    const lock = await this.#connection.ask(deadline, async (options) => {
      const updated = await this.#update(key, pipeline, options);
      if (updated !== null) return updated;
      await this.#create(key, options);
      return this.#update(key, pipeline, options);
    });
    const isGranted = lock?.outcome === "granted" || lock?.outcome === "held";
    return isGranted ? Number(lock.fence) : null;
  }

  async renew(key: string, owner: string, leaseMs: number, deadline: Deadline): Promise<boolean> {
    const heldUntil = oneOf({ $eq: ["$outcome", "held"] }, { $add: ["$$NOW", leaseMs] }, "$heldUntil");
    const pipeline = [{ $set: { outcome: heldOrLost(owner) } }, { $set: { heldUntil } }];
    const lock = await this.#connection.ask(deadline, (options) => this.#update(key, pipeline, options));
    return lock?.outcome === "held";
  }

  async release(key: string, owner: string, deadline: Deadline): Promise<boolean> {
    const me = { $literal: owner };
    const unlessMine = (field: string) => oneOf({ $eq: [field, me] }, null, field);
    const pipeline = [
      { $set: { outcome: heldOrLost(owner) } },
      { $set: { owner: unlessMine("$owner"), nextOwner: unlessMine("$nextOwner") } },
    ];
    const lock = await this.#connection.write(deadline, (options) => this.#update(key, pipeline, options));
    return lock?.outcome === "held";
  }

  #update(key: string, pipeline: Document[], options: object): Promise<StoredDocument | null> {
    return this.#collection.findOneAndUpdate({ _id: { $eq: this.#layout.lockId(key) } }, pipeline, {
      ...options,
      returnDocument: "after",
      includeResultMetadata: false,
    });
  }

  // Once for each key. Not by an upsert: FerretDB refuses `$$NOW` where several of those race.
  async #create(key: string, options: object): Promise<void> {
    const _id = this.#layout.lockId(key);
    try {
      await this.#collection.insertOne({ _id, keys: [_id], fence: 0 }, options);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
  }
}

function oneOf(condition: Document, ifTrue: unknown, ifFalse: unknown): Document {
  return { $cond: [condition, ifTrue, ifFalse] };
}

/** Whether `owner` is set and `until` is not over, by the server's clock. */
function isLater(owner: string, until: string): Document {
  return { $and: [{ $ne: [{ $ifNull: [owner, null] }, null] }, { $gt: [until, "$$NOW"] }] };
}

const isHeld: Document = isLater("$owner", "$heldUntil");

function isHeldBy(owner: Document): Document {
  return { $and: [isHeld, { $eq: ["$owner", owner] }] };
}

function heldOrLost(owner: string): Document {
  return oneOf(isHeldBy({ $literal: owner }), "held", "lost");
}
