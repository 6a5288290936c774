import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { keysOf, opaqueKey, type TokenFields } from "@tokenkeep/core";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { startServer } from "@tokenkeep/test-servers";
import { type Collection, type Db, type Document, MongoClient } from "mongodb";
import type { Bench, Subject } from "../subject.js";
import { queryOf, tokenOf } from "../tokens.js";
import { insertAll, keyvMongo, shopifyMongo } from "./mongo-peers.js";

/** As many connections as there are callers at most. */
export const CONNECTIONS = 50;

const OURS = "@tokenkeep/mongo";
const DRIVER = "mongodb";
const PEERS = ["@keyv/mongo", "Shopify's session storage"];
const CONCERNS = { writeConcern: { w: "majority" }, readConcern: { level: "local" } } as const;

export interface OpenSubject extends Subject {
  find(i: number): Promise<unknown>;
  close?(): unknown;
}

/** A document as the store writes it. */
export interface Stored extends Document {
  _id: string;
  keys: string[];
}

export const mongoBench: Bench = {
  backend: "MongoDB",
  targets: [
    { job: "find", against: DRIVER, times: 0.9 },
    { job: "save", against: DRIVER, times: 0.8 },
    ...PEERS.map((against) => ({ job: "find" as const, against, times: 1 })),
  ],
  notes: [
    "The server is FerretDB, unless `MONGODB_URL` names a MongoDB. FerretDB has no write concern: it answers once PostgreSQL has committed.",
    "mongodb alone, on the same documents with the same indexes, finds with one `findOne` by the key of the user with its client. It saves with one such `findOne` and one `replaceOne` on condition that the record is what was read. The store asks for the document that tells whether the namespace was cleared as well, in one command without a cursor, which costs the driver less than `findOne`; and for the user with no client, and by the tokens that it is about to save, where it has not found that user before.",
    "keyv finds by one key, and overwrites it, unread, in one update that changes no index. Shopify's storage replaces a session, unread, and has no index at all. Either loses one of two saves at once, and keeps no value unique: that is why they save faster. The store changes four entries of the unique index, two others, and reads first.",
    "All are measured some minutes after they were filled. Until PostgreSQL has gathered statistics, a find in 100,000 documents that came in one go reads them all, whoever asks.",
    "Without an index Shopify's storage reads the collection until it meets the session: of a hundred FerretDB does that as fast as it uses an index, of 100,000 it does not.",
    "A find of keyv's and of Shopify's is for one document by one value. The store's is for the document of the namespace as well, by which `deleteTokens` is one step for every reader: with few callers it is a little slower.",
  ],
  async start(sizes) {
    const server = await startServer(process.env.MONGODB_URL ? "mongodb" : "ferretdb");
    const client = new MongoClient(server.url, { maxPoolSize: CONNECTIONS });
    const db = client.db(`tokenkeep_bench_${process.pid}`);
    const open: OpenSubject[] = [];
    try {
      const { version, ferretdb } = await db.admin().buildInfo();
      const durability = ferretdb === undefined ? "on a majority of the members" : "committed by PostgreSQL";
      for (const size of sizes) {
        const documents = await storedDocuments(db, size);
        open.push(await ours(db, size, documents), await driver(db, size, documents));
        open.push(await keyvMongo(server.url, db, size), await shopifyMongo(server.url, db, size));
      }
      for (const subject of open) await check(subject);
      if (ferretdb !== undefined) await sleep(STATISTICS_MS);
      const subjects = open.map((subject) => ({ ...subject, durability }));
      const name = ferretdb === undefined ? `MongoDB ${version}` : `FerretDB ${ferretdb.version}`;
      return { subjects, server: name, stop };
    } catch (error) {
      await stop();
      throw error;
    }

    async function stop(): Promise<void> {
      for (const subject of open) await subject.close?.();
      await db.dropDatabase();
      await client.close();
      await server.stop();
    }
  },
};

/**
 * Until PostgreSQL, under FerretDB, knows how many documents there are (autovacuum looks once a minute, at one
 * table after the other): before that it reads a collection that was filled in one go as if it had a few.
 */
const STATISTICS_MS = 150_000;

const collectionOf = (size: number): string => `store_${size}`;

/**
 * What the store would write of each token, to be inserted in bulk: the document that it does write of the
 * first, with each one's own values in it. That the rule is right is seen from a second one.
 */
async function storedDocuments(db: Db, size: number): Promise<Stored[]> {
  const store = new MongoTokenStore({ db, collection: collectionOf(size) });
  for (const i of [0, 1]) await store.saveToken(tokenOf(i));
  await store.close();
  const collection = db.collection<Stored>(collectionOf(size));
  const written = (i: number) => collection.findOneAndDelete({ userName: tokenOf(i).userSignature.name });
  const [first, second] = [(await written(0))!, (await written(1))!];
  const documents = Array.from({ length: size }, (_, i) => documentOf(i, first));
  const { id, etag, createdAt, savedAt } = second;
  const alike = documentOf(1, { ...first, createdAt, savedAt }, id, etag);
  if (JSON.stringify(alike) !== JSON.stringify(second)) throw new Error("The store writes other documents.");
  return documents;
}

const prefixOf = ({ _id }: Stored): string => _id.slice(0, _id.indexOf(".") + 1);

function documentOf(i: number, like: Stored, id: string = randomUUID(), etag: string = randomUUID()): Stored {
  const { userSignature, clientId, refreshToken, accessToken, expiresAt } = tokenOf(i);
  const own = { userName: userSignature.name, clientId, refreshToken, accessToken };
  const keys = keysOf({ grantToken: null, ...own } as TokenFields);
  const prefix = prefixOf(like);
  const [key, user, ...tokens] = [
    opaqueKey("id", id),
    keys.userClient,
    keys.refreshToken,
    keys.accessToken,
  ].map((digest) => prefix + digest) as [string, string, string, string];
  return {
    ...like,
    ...own,
    _id: user,
    keys: [key, user, ...tokens],
    key,
    user: prefix + keys.user,
    id,
    expiresAt,
    etag,
  };
}

async function ours(db: Db, size: number, documents: readonly Stored[]): Promise<OpenSubject> {
  const store = new MongoTokenStore({ db, collection: collectionOf(size) });
  await insertAll(db.collection<Stored>(collectionOf(size)), documents);
  return {
    name: OURS,
    kind: "ours",
    size,
    durability: "",
    find: (i) => store.findToken(queryOf(i)),
    save: (i, version) => store.saveToken(tokenOf(i, version)),
    close: () => store.close(),
  };
}

async function driver(db: Db, size: number, documents: readonly Stored[]): Promise<OpenSubject> {
  const collection: Collection<Stored> = db.collection(`bare_${size}`, CONCERNS);
  for (const { key, unique } of await db.collection(collectionOf(size)).indexes()) {
    if (!("_id" in key)) await collection.createIndex(key, { unique: unique === true });
  }
  await insertAll(collection, documents);
  const find = (i: number) => collection.findOne({ keys: documents[i]!.keys[1]! });
  return {
    name: DRIVER,
    kind: "driver",
    size,
    durability: "",
    find,
    async save(i, version) {
      const { accessToken, expiresAt } = tokenOf(i, version);
      for (;;) {
        const stored = await find(i);
        if (stored === null) throw new Error(`There is no token ${i}.`);
        const { _id, etag, revision } = stored;
        const changed = { accessToken, expiresAt, savedAt: Date.now(), etag: randomUUID() };
        const key = prefixOf(stored) + opaqueKey("accessToken", String(accessToken));
        const keys = [...stored.keys.slice(0, -1), key];
        const replaced = await collection.replaceOne(
          { _id, etag },
          { ...stored, ...changed, revision: revision + 1, keys },
        );
        // otherwise another save came between
        if (replaced.matchedCount === 1) return;
      }
    },
  };
}

async function check(subject: OpenSubject): Promise<void> {
  for (const i of [0, subject.size >> 1, subject.size - 1]) {
    if (!(await subject.find(i))) throw new Error(`${subject.name} of ${subject.size} has no token ${i}.`);
  }
}
