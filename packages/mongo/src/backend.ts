import { randomUUID } from "node:crypto";
import type { TokenStoreError } from "@tokenkeep/core";
import {
  type Backend,
  type Cursor,
  type Deadline,
  KeyedQueue,
  type Lookup,
  type RecordKeys,
  type TokenRecord,
} from "@tokenkeep/core/backend";
import type { Collection, Document } from "mongodb";
import { Connection, type RequestOptions } from "./connection.js";
import {
  generationOf,
  Layout,
  NO_GENERATION,
  type RecordDocument,
  recordOf,
  type StoredDocument,
} from "./documents.js";
import { isDuplicate, isDuplicateId, toStoreError } from "./errors.js";
import { MongoLeases } from "./leases.js";
import type { Settings } from "./options.js";
import { Schema } from "./schema.js";

/**
 * Records in one collection, each a document: see {@link StoredDocument}.
 *
 * MongoDB can't delete many documents in one step without a transaction, for which it needs a replica set. So a
 * namespace has a generation, in a document of its own. A record belongs to the generation that it was inserted in.
 * `clear` raises the number, one atomic update, and from then on nobody finds the older records; then it deletes
 * them. What is left if that fails is deleted when a store is opened.
 *
 * - Every read returns the namespace's document too, last. If its generation is not the one that was assumed, the read
 *   is repeated. So a reader sees all records or none.
 * - `insert` follows a read of the same call, so its generation is current, or was when the call began: then the
 *   `clear` came after the save.
 * - `replace` may follow a read of long ago, and must not write into a generation that nobody finds any more. A second
 *   statement in the same request reports whether the generation has changed.
 */
export class MongoBackend implements Backend {
  readonly name = "mongo";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  readonly leases: MongoLeases;
  readonly secrets: readonly string[];
  readonly #settings: Settings;
  readonly #layout: Layout;
  readonly #connection: Connection;
  readonly #collection: Collection<StoredDocument>;
  readonly #schema: Schema;
  readonly #writes = new KeyedQueue();
  /** The namespace's generation, as far as this process knows. */
  #generation = NO_GENERATION;

  constructor(settings: Settings) {
    const { client, collection, common } = settings;
    this.#settings = settings;
    this.secrets = settings.secrets;
    this.#layout = new Layout(common.namespace ?? "");
    this.#connection = new Connection(client);
    this.#collection = collection;
    this.#schema = new Schema(this.#connection, this.#collection, this.#layout);
    this.leases = new MongoLeases(this.#connection, this.#collection, this.#layout);
  }

  async open(deadline: Deadline): Promise<void> {
    await this.#connection.connect(deadline);
    this.#generation = await this.#setUp(deadline);
  }

  #setUp(deadline: Deadline): Promise<number> {
    return this.#schema.setUp(this.#settings.common.open !== "existing", deadline);
  }

  async close(): Promise<void> {
    if (this.#settings.isOwnClient) await this.#settings.client.close();
  }

  async read(lookups: readonly Lookup[], deadline: Deadline): Promise<TokenRecord[]> {
    return this.#inGeneration(deadline, (generation, options) => {
      const keyOf = (lookup: Lookup) => this.#layout.key(generation, lookup);
      const user = lookups.find(({ kind }) => kind === "user");
      const keys = lookups.filter(({ kind }) => kind !== "user").map(keyOf);
      const byKeys = { keys: { $in: [...keys, this.#layout.spaceId] } };
      if (user === undefined) return this.#collection.find(byKeys, { ...options, projection: FIELDS });
      // Two indexes, one after the other: an $or would read all of the user's records, and the namespace's document
      // perhaps first.
      return this.#collection.aggregate<StoredDocument>(
        [
          { $match: { user: { $eq: keyOf(user) } } },
          { $sort: { savedAt: -1 } },
          { $limit: 1 },
          { $unionWith: { coll: this.#collection.collectionName, pipeline: [{ $match: byKeys }] } },
          { $project: FIELDS },
        ],
        options,
      );
    });
  }

  async insert(record: TokenRecord, keys: RecordKeys, deadline: Deadline): Promise<boolean> {
    while (this.#generation === NO_GENERATION) this.#generation = await this.#schema.setUp(true, deadline);
    const document = this.#layout.document(this.#generation, record, keys);
    return this.#inTurn(document.keys, deadline, async () => {
      const insert = (_id: string) =>
        this.#connection.write(deadline, (options) =>
          this.#collection.insertOne({ ...document, _id }, options),
        );
      try {
        await insert(document._id);
      } catch (error) {
        if (!isDuplicateId(error) || document._id === document.key) throw error;
        // Perhaps a record has this `_id` that had the user once. If it still has, the index of `keys` refuses this too.
        await insert(`${document.key}.${randomUUID()}`);
      }
      return true;
    });
  }

  async replace(
    record: TokenRecord,
    keys: RecordKeys,
    previous: TokenRecord,
    deadline: Deadline,
  ): Promise<boolean> {
    const generation = this.#generation;
    const { _id, ...replacement } = this.#layout.document(generation, record, keys);
    const hasChanged = { _id: { $eq: this.#layout.spaceId }, generation: { $ne: generation } };
    const statements = [
      { replaceOne: { filter: versionOf(replacement.key, previous), replacement } },
      // Matches if the generation has changed, and changes nothing. Then nobody finds the record that was replaced.
      { updateOne: { filter: hasChanged, update: { $unset: { none: "" as const } } } },
    ];
    return this.#inTurn(replacement.keys, deadline, async () => {
      const { matchedCount, modifiedCount } = await this.#connection.write(deadline, (options) =>
        this.#collection.bulkWrite(statements, options),
      );
      return matchedCount === 1 && modifiedCount === 1;
    });
  }

  async remove(previous: TokenRecord, deadline: Deadline): Promise<boolean> {
    const key = this.#layout.key(this.#generation, { kind: "id", key: previous.id });
    const { deletedCount } = await this.#connection.write(deadline, (options) =>
      this.#collection.deleteOne(versionOf(key, previous), options),
    );
    return deletedCount === 1;
  }

  async clear(deadline: Deadline): Promise<void> {
    const space = await this.#connection.write(deadline, (options) =>
      this.#collection.findOneAndUpdate(
        { _id: { $eq: this.#layout.spaceId }, generation: { $exists: true } },
        { $inc: { generation: 1 } as Document },
        { ...options, returnDocument: "after", includeResultMetadata: false },
      ),
    );
    if (space === null) return; // the namespace has no records
    const generation = generationOf(space);
    this.#generation = Math.max(this.#generation, generation);
    await this.#schema.sweep(generation, deadline);
  }

  async scan(after: Cursor | null, limit: number | null, deadline: Deadline): Promise<TokenRecord[]> {
    return this.#inGeneration(deadline, (generation, options) => {
      const filter: Document = { space: { $eq: this.#layout.space }, generation: { $eq: generation } };
      if (after !== null) {
        const { createdAt } = after;
        const key = this.#layout.key(generation, { kind: "id", key: after.id });
        filter.createdAt = { $gte: createdAt };
        filter.$or = [{ createdAt: { $gt: createdAt } }, { key: { $gt: key } }];
      }
      // One more than there will be, so that the server sends the page at once and keeps no cursor.
      const page = limit === null ? {} : { limit, batchSize: limit + 1 };
      return this.#collection.find(filter, {
        ...options,
        ...page,
        projection: FIELDS,
        sort: { createdAt: 1, key: 1 },
      });
    });
  }

  toStoreError(error: unknown): TokenStoreError | undefined {
    return toStoreError(error);
  }

  /** Reads in the generation that we know, and again if the namespace's document says that it is another. */
  async #inGeneration(
    deadline: Deadline,
    find: (generation: number, options: RequestOptions) => { toArray(): Promise<StoredDocument[]> },
  ): Promise<TokenRecord[]> {
    const { spaceId } = this.#layout;
    for (;;) {
      const assumed = this.#generation;
      const isInDoubt = this.#connection.isInDoubt(deadline);
      const concern = isInDoubt ? { readConcern: { level: "majority" } } : {};
      const ask = <T>(request: (options: RequestOptions) => Promise<T>): Promise<T> =>
        this.#connection.ask(deadline, (options) => request({ ...options, ...concern }));
      const found = await ask((options) => find(assumed, options).toArray());
      const space =
        found.find(({ _id }) => _id === spaceId) ??
        (await ask((options) => this.#collection.findOne({ _id: { $eq: spaceId } }, options)));
      const stored = space === null ? NO_GENERATION : generationOf(space);
      // The collection may have been dropped, and must not be used before it is set up.
      const current = stored === NO_GENERATION ? await this.#setUp(deadline) : stored;
      if (current === assumed) return found.filter(({ _id }) => _id !== spaceId).map(recordOf);
      // Unless a faster answer has changed it. It goes back only if the database did, after a failover or a restore;
      // a majority of the members may just lag behind.
      if (this.#generation === assumed && (current > assumed || !isInDoubt)) this.#generation = current;
    }
  }

  /**
   * A write that a unique index may refuse. Writes of this process that want the same key take turns: on FerretDB, those
   * that race for one deadlock, and PostgreSQL needs a second to notice each of them (`deadlock_timeout`).
   * @returns what the write returns; false if a key belongs to another record
   */
  async #inTurn(
    keys: RecordDocument["keys"],
    deadline: Deadline,
    write: () => Promise<boolean>,
  ): Promise<boolean> {
    const places = keys.map((key) => this.#writes.join(key));
    try {
      deadline.blockedBy("earlier saves of the same value still wait for their answers");
      await Promise.all(places.map(({ turn }) => turn));
      return await write();
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    } finally {
      for (const { leave } of places) leave();
    }
  }
}

/** What a record is read from. */
const FIELDS = { record: 1, generation: 1 };

/** Matches a record if it still is the version that was read or saved. */
function versionOf(key: string, { etag }: TokenRecord): Document {
  return { keys: { $eq: key }, etag: { $eq: etag } };
}
