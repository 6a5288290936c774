import { randomUUID } from "node:crypto";
import {
  type Backend,
  type Lookup,
  type Place,
  type RecordKeys,
  type TokenRecord,
  TokenStoreError,
} from "@tokenkeep/core";
import type { Collection, CollectionOptions, Document } from "mongodb";
import { explain, isDuplicate } from "./explain.js";
import { type Asked, Generation } from "./generation.js";
import { generationOf, Layout, recordOf, type StoredDocument } from "./layout.js";
import { MongoLeases } from "./mongo-leases.js";
import type { Settings } from "./options.js";
import { Reader } from "./reader.js";
import { setUp, sweep } from "./schema.js";
import { Writer } from "./writer.js";

/** How often a read is put again because `deleteTokens` came between. */
const ATTEMPTS = 20;

/** Records in one collection, each a document: see {@link Layout}. */
export class MongoBackend implements Backend {
  readonly name = "mongo";
  readonly durable = true;
  readonly shared = true;
  readonly namespaces = true;
  // A process may die when it has raised the generation and not yet deleted the records: who has not read since would
  // save into what nobody finds any more.
  readonly replacesAfterRead = true;
  readonly leases: MongoLeases;
  readonly secrets: readonly string[];
  readonly #settings: Settings;
  readonly #layout: Layout;
  readonly #collection: Collection<StoredDocument>;
  readonly #generation = new Generation();
  readonly #reader: Reader;
  readonly #writer: Writer;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.secrets = settings.secrets;
    this.#layout = new Layout(settings.namespace);
    this.#collection = settings.db.collection<StoredDocument>(
      settings.collection,
      collectionOptions(settings),
    );
    this.leases = new MongoLeases(this.#collection, this.#layout);
    this.#reader = new Reader(settings);
    this.#writer = new Writer(this.leases, settings.timeoutMs);
  }

  async open(): Promise<void> {
    const asked = this.#generation.ask();
    this.#generation.learn(await setUp(this.#collection, this.#layout), asked);
  }

  async close(): Promise<void> {
    await this.#settings.ownClient?.close();
  }

  async read(lookups: readonly Lookup[]): Promise<TokenRecord[]> {
    const { spaceId } = this.#layout;
    return this.#inGeneration(async ({ generation }) => {
      const keys: string[] = [];
      let user: string | undefined;
      for (const lookup of lookups) {
        const key = this.#layout.key(generation, lookup);
        if (lookup.kind === "user") user = key;
        else keys.push(key);
      }
      keys.push(spaceId);
      const found = await (user === undefined
        ? this.#reader.byKeys(keys)
        : this.#reader.newestOf(user, keys));
      const records = found.filter(({ _id }) => _id !== spaceId);
      return { records, space: found.find(({ _id }) => _id === spaceId) ?? null };
    });
  }

  async insert(record: TokenRecord, keys: RecordKeys): Promise<boolean> {
    const document = this.#layout.document(this.#generation.value, record, keys);
    return this.#writer.write(document.keys, async () => {
      try {
        await this.#collection.insertOne(document);
      } catch (error) {
        if (!isDuplicate(error) || (await this.#reader.byKeys(document.keys)).length > 0) throw error;
        // only the _id is taken: by a record that had this user once
        await this.#collection.insertOne({ ...document, _id: `${document.key}.${randomUUID()}` });
      }
      return true;
    });
  }

  async replace(record: TokenRecord, keys: RecordKeys, previous: TokenRecord): Promise<boolean> {
    // without an _id it keeps the one that it has
    const { _id, ...document } = this.#layout.document(this.#generation.value, record, keys);
    return this.#writer.write(document.keys, async () => {
      const filter = { keys: { $eq: document.key }, etag: { $eq: previous.etag } };
      const { matchedCount } = await this.#collection.replaceOne(filter, document);
      return matchedCount === 1;
    });
  }

  async remove(id: string): Promise<void> {
    const asked = this.#generation.ask();
    const space = await this.#space();
    // without it, nothing of this namespace can be found
    if (space === null) return;
    const generation = generationOf(space);
    this.#generation.learn(generation, asked);
    const key = this.#layout.key(generation, { kind: "id", key: id });
    await this.#collection.deleteOne({ keys: { $eq: key } });
  }

  /**
   * One atomic update of one document puts the whole namespace aside: that is the step that readers see.
   * Then what was put aside is deleted; if that fails, the call can be made again.
   */
  async clear(): Promise<void> {
    const asked = this.#generation.ask();
    const raise: Document = { $inc: { generation: 1 } };
    const space = await this.#collection.findOneAndUpdate({ _id: { $eq: this.#layout.spaceId } }, raise, {
      returnDocument: "after",
      includeResultMetadata: false,
    });
    if (space === null) return this.open();
    const generation = generationOf(space);
    this.#generation.learn(generation, asked);
    await sweep(this.#collection, this.#layout, generation);
  }

  async scan(after: Place | null, limit: number | null): Promise<TokenRecord[]> {
    return this.#inGeneration(async ({ generation }) => {
      const filter: Document = { space: { $eq: this.#layout.space }, generation: { $eq: generation } };
      if (after !== null) {
        const { createdAt } = after;
        const key = this.#layout.key(generation, { kind: "id", key: after.id });
        filter.createdAt = { $gte: createdAt };
        filter.$or = [{ createdAt: { $gt: createdAt } }, { key: { $gt: key } }];
      }
      const cursor = this.#collection.find(filter).sort({ createdAt: 1, key: 1 });
      if (limit !== null) cursor.limit(limit).batchSize(limit + 1);
      const records = await cursor.toArray();
      // asked for last: where it has not changed, nothing was cleared while the records were read
      return { records, space: await this.#space() };
    });
  }

  explain(error: unknown): TokenStoreError | undefined {
    return explain(error);
  }

  #space(): Promise<StoredDocument | null> {
    return this.#collection.findOne({ _id: { $eq: this.#layout.spaceId } });
  }

  /** Asks for records in the generation that we know, and again if the answer says that it is another. */
  async #inGeneration(
    ask: (asked: Asked) => Promise<{ records: StoredDocument[]; space: StoredDocument | null }>,
  ): Promise<TokenRecord[]> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const asked = this.#generation.ask();
      const { records, space } = await ask(asked);
      if (space === null) {
        // the collection was dropped under us: without its indexes nothing may be written
        await this.open();
        continue;
      }
      const generation = generationOf(space);
      this.#generation.learn(generation, asked);
      if (generation === asked.generation) return records.map(recordOf);
    }
    throw new TokenStoreError(
      "ERR_UNAVAILABLE",
      "mongo: the records are deleted again and again. Try later.",
    );
  }
}

/** Whatever the client of the caller is set to, values come back as they were stored. */
function collectionOptions({ writeConcern, readConcern }: Settings): CollectionOptions {
  return {
    writeConcern,
    readConcern: { level: readConcern },
    // the only member that has every write at once
    readPreference: "primary",
    promoteLongs: true,
    promoteValues: true,
    useBigInt64: false,
    raw: false,
  };
}
