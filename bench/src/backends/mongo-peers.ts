import "@shopify/shopify-api/adapters/node";
import { KeyvMongo } from "@keyv/mongo";
import { MongoDBSessionStorage } from "@shopify/shopify-app-session-storage-mongodb";
import { Keyv } from "keyv";
import type { Collection, Db, Document } from "mongodb";
import { keyvKey, sessionId, sessionOf } from "../peers.js";
import { tokenOf } from "../tokens.js";
import { CONNECTIONS, type OpenSubject } from "./mongo.js";

/** A thousand at a time, by two connections. */
export async function insertAll<T extends Document>(
  collection: Collection<T>,
  documents: readonly T[],
): Promise<void> {
  let next = 0;
  const insert = async () => {
    for (let i = next; i < documents.length; i = next) {
      next += 1000;
      await collection.insertMany(documents.slice(i, i + 1000) as never[], { ordered: false });
    }
  };
  await Promise.all([insert(), insert()]);
}

export async function keyvMongo(url: string, db: Db, size: number): Promise<OpenSubject> {
  const name = `keyv_${size}`;
  const adapter = new KeyvMongo({ url, db: db.databaseName, collection: name, maxPoolSize: CONNECTIONS });
  const store = new Keyv({ store: adapter });
  const set = (i: number, version = 0) => store.set(keyvKey(i), tokenOf(i, version));
  await set(0);
  const collection = db.collection(name);
  const written = await collection.findOneAndDelete({});
  const documentOf = (i: number) => ({
    key: `keyv:${keyvKey(i)}`,
    value: JSON.stringify({ value: tokenOf(i) }),
    expiresAt: null,
  });
  const { _id, ...like } = written!;
  if (JSON.stringify(like) !== JSON.stringify(documentOf(0))) throw new Error("keyv writes other documents.");
  await insertAll(
    collection,
    Array.from({ length: size }, (_, i) => documentOf(i)),
  );
  return {
    name: "@keyv/mongo",
    kind: "peer",
    size,
    durability: "",
    find: (i) => store.get(keyvKey(i)),
    save: set,
    close: () => store.disconnect(),
  };
}

export async function shopifyMongo(url: string, db: Db, size: number): Promise<OpenSubject> {
  const pooled = new URL(url);
  pooled.searchParams.set("maxPoolSize", String(CONNECTIONS));
  const name = `shopify_${size}`;
  const storage = new MongoDBSessionStorage(pooled, db.databaseName, { sessionCollectionName: name });
  await storage.ready;
  // what it writes of a session is the session as an object
  await insertAll(
    db.collection(name),
    Array.from({ length: size }, (_, i) => ({ ...sessionOf(i).toObject() })),
  );
  return {
    name: "Shopify's session storage",
    kind: "peer",
    size,
    durability: "",
    find: (i) => storage.loadSession(sessionId(i)),
    save: (i, version) => storage.storeSession(sessionOf(i, version)),
    close: () => storage.disconnect(),
  };
}
