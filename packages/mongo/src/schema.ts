import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { TokenStoreError } from "@tokenkeep/core";
import type { Deadline } from "@tokenkeep/core/backend";
import type { Collection, Document } from "mongodb";
import type { Connection, RequestOptions } from "./connection.js";
import {
  generationOf,
  INDEXES,
  type Layout,
  LOCK_ID,
  NO_GENERATION,
  RECORD_ID,
  SCHEMA_ID,
  SCHEMA_VERSION,
  SPACE_ID,
  type StoredDocument,
} from "./documents.js";
import { isDuplicate, isUnknownAnswer } from "./errors.js";

/** How often setting up is tried while other processes do the same. */
const ATTEMPTS = 6;
type Send = <T>(request: (options: RequestOptions) => Promise<T>) => Promise<T>;

/** Sets up the collection and one namespace in it. Many processes may do so at the same moment. */
export class Schema {
  readonly #connection: Connection;
  readonly #collection: Collection<StoredDocument>;
  readonly #layout: Layout;

  constructor(connection: Connection, collection: Collection<StoredDocument>, layout: Layout) {
    this.#connection = connection;
    this.#collection = collection;
    this.#layout = layout;
  }

  /**
   * Creates what is missing. Each step either finds its work done or does it, so any of them may be repeated.
   * @param mayCreate false: creates nothing
   * @returns the generation of the namespace; `NO_GENERATION` if nothing was created, or the collection dropped meanwhile
   * @throws TokenStoreError `ERR_SCHEMA`, before anything is changed, if there is nothing and nothing may be created,
   *   or if a newer version or another program has made the collection
   */
  async setUp(mayCreate: boolean, deadline: Deadline): Promise<number> {
    const send: Send = (request) => this.#connection.ask(deadline, request);
    for (let attempt = 1; ; attempt++) {
      try {
        if (mayCreate) await this.#createCollection(send);
        else if (!(await this.#isSetUp(send))) throw missing(this.#collection.collectionName);
        return await this.#generation(mayCreate, send);
      } catch (error) {
        // Statements that create the same thing at the same moment can make each other fail.
        if (!isUnknownAnswer(error) || attempt === ATTEMPTS) throw error;
        await sleep(Math.random() * 20 * 2 ** attempt);
      }
    }
  }

  /** Removes the records of older generations: nobody finds them, whether or not this is done. */
  async sweep(generation: number, deadline: Deadline): Promise<void> {
    await this.#sweep(generation, (request) => this.#connection.ask(deadline, request));
  }

  async #sweep(generation: number, send: Send): Promise<void> {
    const old = { space: { $eq: this.#layout.space }, generation: { $lt: generation } };
    await send((options) => this.#collection.deleteMany(old, options));
  }

  async #createCollection(send: Send): Promise<void> {
    if (await this.#isSetUp(send)) return;
    await this.#refuseForeign(send);
    const schema = { _id: SCHEMA_ID, keys: [SCHEMA_ID], version: SCHEMA_VERSION };
    // A newer release may have been first.
    if (!(await this.#insertOnce(schema, send))) await this.#isSetUp(send);
  }

  // A namespace has no generation, and so no record, before the indexes are there. The collection may be dropped at any
  // moment, and an insert makes it again without indexes. But an update does not, and one that finds the document of
  // this setup proves that the collection is the one that the indexes were created in since.
  async #generation(mayCreate: boolean, send: Send): Promise<number> {
    const { spaceId, namespace } = this.#layout;
    const find = () => send((options) => this.#collection.findOne({ _id: { $eq: spaceId } }, options));
    let space = await find();
    if (space === null && mayCreate) {
      await this.#insertOnce({ _id: spaceId, keys: [spaceId], namespace, setup: randomUUID() }, send);
      space = await find();
    }
    if (space === null || !mayCreate) return space === null ? NO_GENERATION : generationOf(space);
    await this.#createIndexes(send);
    if (generationOf(space) === NO_GENERATION) {
      const ofThisSetup: Document = { _id: spaceId, setup: space.setup, generation: { $exists: false } };
      // The time, so that a collection that was dropped and made again has no generation that it had before.
      const begin = { $set: { generation: Date.now() } as Document };
      await send((options) => this.#collection.updateOne(ofThisSetup, begin, options));
      return generationOf((await find()) ?? space);
    }
    // What a process left that died in deleteTokens.
    await this.#sweep(generationOf(space), send);
    return generationOf(space);
  }

  async #createIndexes(send: Send): Promise<void> {
    try {
      await send((options) => this.#collection.createIndexes(Object.values(INDEXES), options));
    } catch (error) {
      if (isUnknownAnswer(error)) await this.#removeLeftovers(send);
      throw error; // and `setUp` tries again
    }
  }

  /** @returns false if there is no schema's document */
  async #isSetUp(send: Send): Promise<boolean> {
    const schema = await send((options) => this.#collection.findOne({ _id: { $eq: SCHEMA_ID } }, options));
    if (schema === null) return false;
    if (schema.version === SCHEMA_VERSION) return true;
    throw schemaError(
      `the collection has schema version ${JSON.stringify(schema.version)}, and this release knows ` +
        `${SCHEMA_VERSION}. Nothing was changed. Use a newer release of @tokenkeep/mongo, or another collection`,
    );
  }

  async #refuseForeign(send: Send): Promise<void> {
    const foreign: Document = {
      $nor: [{ _id: LOCK_ID }, { _id: RECORD_ID }, { _id: SPACE_ID }, { _id: SCHEMA_ID }],
    };
    const found = await send((options) => this.#collection.findOne(foreign, options));
    if (found === null) return;
    throw schemaError(
      "the collection has documents that no token store has made. Nothing was changed. Use another collection",
    );
  }

  // Saves that were under way when the collection was dropped made it again, without indexes. What they stored belongs
  // to generations of before the drop, which never come back.
  async #removeLeftovers(send: Send): Promise<void> {
    const generationsOf = (_id: RegExp) =>
      send((options) => this.#collection.distinct("generation", { _id } as Document, options));
    const generations = await generationsOf(RECORD_ID);
    if (generations.length === 0) return;
    // Another process may have set up meanwhile: in this order, since a namespace is there before its records.
    const current = new Set(await generationsOf(SPACE_ID));
    const old = { _id: RECORD_ID, generation: { $in: generations.filter((one) => !current.has(one)) } };
    await send((options) => this.#collection.deleteMany(old as Document, options));
  }

  /** @returns false if another process was first */
  async #insertOnce(document: StoredDocument, send: Send): Promise<boolean> {
    try {
      await send((options) => this.#collection.insertOne(document, options));
      return true;
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      return false;
    }
  }
}

function missing(collection: string): TokenStoreError {
  return schemaError(
    `there is no token store in the collection ${JSON.stringify(collection)}, and with open: "existing" none is ` +
      "created. Check the database and the collection",
  );
}

function schemaError(what: string): TokenStoreError {
  return new TokenStoreError("ERR_SCHEMA", `mongo: ${what}.`);
}
