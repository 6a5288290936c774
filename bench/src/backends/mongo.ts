import "@shopify/shopify-api/adapters/node";
import { randomUUID } from "node:crypto";
import { KeyvMongo } from "@keyv/mongo";
import { MongoDBSessionStorage } from "@shopify/shopify-app-session-storage-mongodb";
import { opaqueKey } from "@tokenkeep/core/backend";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { startServer } from "@tokenkeep/test-servers";
import { Keyv } from "keyv";
import { type Db, MongoClient } from "mongodb";
import { fill, keyvCandidate, LARGEST, shopifyCandidate } from "../alternatives.js";
import type { Bench, Candidate } from "../bench.js";
import { storeCandidate } from "../ours.js";
import { serverTargets } from "../targets.js";
import { changesOf, ENCRYPTION, queryOf, tokenOf } from "../tokens.js";

/** As many connections as there are callers at most. */
const CONNECTIONS = 50;
const OURS = "@tokenkeep/mongo";
const ENCRYPTED = `${OURS}, encrypted`;
const DRIVER = "mongodb";

export const bench: Bench = {
  targets: serverTargets({ ours: OURS, encrypted: ENCRYPTED, driver: DRIVER, keyv: "@keyv/mongo" }),
  notes: [
    "The server is FerretDB, unless `MONGODB_URL` names a MongoDB. FerretDB has no write concern: it answers once PostgreSQL has committed.",
    "mongodb alone finds with one `findOne` by a digest of user and client, and writes with one conditional `updateOne`; user and token values have unique indexes.",
    "keyv finds by one key, and overwrites it, unread. Shopify's storage replaces a session, unread, and has no index. Of two concurrent saves, either loses one.",
  ],
  async start(sizes) {
    const server = await startServer(process.env.MONGODB_URL ? "mongodb" : "ferretdb");
    const client = new MongoClient(server.url, { maxPoolSize: CONNECTIONS });
    const db = client.db(`tokenkeep_bench_${process.pid}`);
    const { version, ferretdb } = await db.admin().buildInfo();
    const durability = ferretdb === undefined ? "on a majority of the members" : "committed by PostgreSQL";
    const candidates: Candidate[] = [];
    for (const size of sizes) {
      candidates.push(await ours(db, size, durability, false), await bare(db, size, durability));
      if (size > LARGEST) continue;
      const options = { url: server.url, db: db.databaseName, maxPoolSize: CONNECTIONS };
      const keyv = new Keyv({ store: new KeyvMongo({ ...options, collection: `keyv_${size}` }) });
      const storage = new MongoDBSessionStorage(new URL(server.url), db.databaseName, {
        sessionCollectionName: `shopify_${size}`,
      });
      await storage.ready;
      candidates.push(
        await ours(db, size, durability, true),
        await keyvCandidate({ name: "@keyv/mongo", size, durability }, keyv),
        await shopifyCandidate({ size, durability }, storage, () => storage.disconnect()),
      );
    }
    return {
      candidates,
      server: ferretdb === undefined ? `MongoDB ${version}` : `FerretDB ${ferretdb.version}`,
      async stop() {
        for (const { close } of candidates) await close?.();
        await db.dropDatabase();
        await client.close();
        await server.stop();
      },
    };
  },
};

async function ours(db: Db, size: number, durability: string, isEncrypted: boolean): Promise<Candidate> {
  const collection = `${isEncrypted ? "sealed" : "store"}_${size}`;
  const store = new MongoTokenStore({ db, collection, ...(isEncrypted && { encryption: ENCRYPTION }) });
  const bytes = async () => {
    const { storageSize, totalIndexSize } = await db.command({ collStats: collection });
    return Number(storageSize) + Number(totalIndexSize);
  };
  const name = isEncrypted ? ENCRYPTED : OURS;
  return storeCandidate({ name, kind: isEncrypted ? "variant" : "ours", size, durability, bytes }, store);
}

interface Stored {
  _id: string;
  etag: string;
  userKey: string;
  accessKey: string;
  refreshKey: string;
  revision: number;
  record: string;
}

async function bare(db: Db, size: number, durability: string): Promise<Candidate> {
  const collection = db.collection<Stored>(`bare_${size}`, { writeConcern: { w: "majority" } });
  for (const key of ["userKey", "accessKey", "refreshKey"]) {
    await collection.createIndex({ [key]: 1 }, { unique: true });
  }
  const copies: Stored[] = [];
  const userKey = (i: number) => {
    const { userSignature, clientId } = queryOf(i);
    return opaqueKey("user", userSignature.name, String(clientId));
  };
  const find = async (i: number): Promise<Stored> => {
    const stored = (await collection.findOne({ userKey: userKey(i) }))!;
    JSON.parse(stored.record);
    return stored;
  };
  const change = async (i: number, version: number, stored: Stored): Promise<boolean> => {
    const changed = {
      etag: randomUUID(),
      accessKey: opaqueKey("access", changesOf(i, version).accessToken),
      revision: stored.revision + 1,
      record: JSON.stringify({ ...JSON.parse(stored.record), ...changesOf(i, version) }),
    };
    const { matchedCount } = await collection.updateOne(
      { _id: stored._id, etag: stored.etag },
      { $set: changed },
    );
    if (matchedCount === 1) copies[i] = { ...stored, ...changed };
    return matchedCount === 1;
  };
  const save = async (i: number, version: number) => {
    while (!(await change(i, version, await find(i)))) {}
  };
  await fill(size, (i) => {
    const token = tokenOf(i);
    const [refreshKey, accessKey] = [token.refreshToken, token.accessToken].map((value) =>
      opaqueKey(String(value)),
    );
    const stored = {
      _id: randomUUID(),
      etag: randomUUID(),
      userKey: userKey(i),
      refreshKey: refreshKey!,
      accessKey: accessKey!,
      revision: 1,
      record: JSON.stringify(token),
    };
    copies[i] = stored;
    return collection.insertOne(stored);
  });
  return {
    name: DRIVER,
    kind: "driver",
    size,
    durability,
    jobs: {
      find,
      save,
      "save a copy": async (i, version) => {
        if (!(await change(i, version, copies[i]!))) await save(i, version);
      },
    },
  };
}
