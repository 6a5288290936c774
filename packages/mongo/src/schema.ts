import { setTimeout as sleep } from "node:timers/promises";
import { isTokenStoreError, TokenStoreError } from "@tokenkeep/core";
import type { Collection } from "mongodb";
import { isDuplicate, isServerError } from "./explain.js";
import {
  generationOf,
  INDEXES,
  type Layout,
  LOCK_ID,
  SCHEMA_ID,
  SCHEMA_VERSION,
  type StoredDocument,
} from "./layout.js";

/** How often setting up is tried when others who do the same come between. */
const ATTEMPTS = 6;

/**
 * Makes what is missing: the schema document, the indexes, the document of the namespace. Any number of
 * processes may do it at the same time: each step either finds its work done or does it.
 * @returns the generation of the namespace
 * @throws TokenStoreError `ERR_SCHEMA`, before anything is changed, where a newer version or another program
 *   has made the collection
 */
export async function setUp(collection: Collection<StoredDocument>, layout: Layout): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryToSetUp(collection, layout);
    } catch (error) {
      if (isTokenStoreError(error) || !isServerError(error) || attempt === ATTEMPTS) throw error;
      await sleep(Math.random() * 20 * 2 ** attempt);
    }
  }
}

async function tryToSetUp(collection: Collection<StoredDocument>, layout: Layout): Promise<number> {
  const isNew = !(await isOurs(collection));
  // Idempotent, and before the first document: the build of an index over documents waits for every voting
  // member of a replica set, one that is down included
  // (https://www.mongodb.com/docs/v8.0/reference/command/createIndexes/, commitQuorum).
  await collection.createIndexes(Object.values(INDEXES));
  if (isNew) {
    await insertOnce(collection, { _id: SCHEMA_ID, keys: [SCHEMA_ID], version: SCHEMA_VERSION });
    await isOurs(collection); // a newer release may have been first
  }
  const find = () => collection.findOne({ _id: { $eq: layout.spaceId } });
  let space = await find();
  if (space === null) {
    const { namespace, spaceId } = layout;
    await insertOnce(collection, { _id: spaceId, keys: [spaceId], namespace, generation: 0 });
    space = await find();
    if (space === null) throw schemaError("the collection is emptied by another program right now");
  }
  const generation = generationOf(space);
  await sweep(collection, layout, generation);
  return generation;
}

/** Removes what `deleteTokens` has put aside and a process that died has left. */
export async function sweep(
  collection: Collection<StoredDocument>,
  { space }: Layout,
  generation: number,
): Promise<void> {
  if (generation > 0) await collection.deleteMany({ space: { $eq: space }, generation: { $lt: generation } });
}

async function isOurs(collection: Collection<StoredDocument>): Promise<boolean> {
  const find = () => collection.findOne({ _id: { $eq: SCHEMA_ID } });
  let schema = await find();
  if (schema === null) {
    // a lock of ours may be all there is, where the collection was emptied under an open store
    if ((await collection.findOne({ _id: { $not: LOCK_ID } })) === null) return false;
    schema = await find(); // perhaps another process has just made it
  }
  if (schema === null) throw schemaError("the collection has documents that this store has not made");
  if (schema.version === SCHEMA_VERSION) return true;
  throw schemaError(
    `the collection has schema version ${JSON.stringify(schema.version)}, and this release knows ${SCHEMA_VERSION}`,
  );
}

async function insertOnce(collection: Collection<StoredDocument>, document: StoredDocument): Promise<void> {
  try {
    await collection.insertOne(document);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
  }
}

function schemaError(what: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_SCHEMA",
    `mongo: ${what}. Nothing was changed. Use a newer release of @tokenkeep/mongo, or another collection.`,
  );
}
