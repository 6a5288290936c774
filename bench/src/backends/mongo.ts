import "@shopify/shopify-api/adapters/node";
import { KeyvMongo } from "@keyv/mongo";
import { Session } from "@shopify/shopify-api";
import { MongoDBSessionStorage } from "@shopify/shopify-app-session-storage-mongodb";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { startServer } from "@tokenkeep/test-servers";
import { Keyv } from "keyv";
import { type Db, type Document, MongoClient } from "mongodb";
import { type Contender, type GroupResult, measure, type Target } from "../harness.js";
import { queryOf, someOf, tokenOf } from "../tokens.js";

const SIZES = [100, 100_000];
const MAJORITY = { w: "majority" } as const;
const WAITS = "w: majority";
/** More at once than any contender is measured with: the pools of all are the same. */
const POOL = 50;

/** The store beside the bare driver on the same documents and indexes, and beside peers on the same server. */
export async function benchMongo(): Promise<GroupResult[]> {
  const server = await startServer(process.env.MONGODB_URL ? "mongodb" : "ferretdb");
  const client = new MongoClient(server.url, { maxPoolSize: POOL });
  const db = client.db(`bench_${process.pid}`);
  const finds: Contender[] = [];
  const saves: Contender[] = [];
  const open: { close(): unknown }[] = [];
  try {
    for (const size of SIZES) {
      const records = `${size.toLocaleString("en")} records`;
      const store = await filledStore(db, size);
      const bare = await bareDriver(db, size);
      open.push(store);
      finds.push(
        { name: `driver, ${records}`, run: (i) => bare.find(someOf(size, i)) },
        { name: `store, ${records}`, run: (i) => store.findToken(queryOf(someOf(size, i))) },
      );
      saves.push(
        { name: `driver, ${records}`, durability: WAITS, run: (i) => bare.save(someOf(size, i), i) },
        {
          name: `store, ${records}`,
          durability: WAITS,
          run: (i) => store.saveToken(tokenOf(someOf(size, i), i)),
        },
      );
    }
    for (const peer of [await keyv(server.url, db), await shopify(server.url, db)]) {
      open.push(peer);
      finds.push(peer.find);
      saves.push(peer.save);
    }
    const results: GroupResult[] = [];
    for (const callers of [1, 50]) {
      const operations = callers === 1 ? 200 : 1000;
      const shared = { callers, operations, rounds: 7 };
      const on = `on ${server.name}`;
      results.push(
        await measure({
          title: `Find by user and client, ${on}`,
          contenders: finds,
          targets: [
            ...targets(0.9),
            ...PEERS.map((against) => ({ contender: store(100), against, times: 1 })),
          ],
          ...shared,
        }),
        await measure({
          title: `Save a changed access token, ${on}: the store's and the driver's are a fetch and a conditional write`,
          contenders: saves,
          targets: targets(0.8),
          ...shared,
        }),
      );
    }
    return results;
  } finally {
    for (const thing of open) await thing.close();
    await db.dropDatabase();
    await client.close();
    await server.stop();
  }
}

const PEERS = ["keyv, 100 records", "Shopify's session storage, 100 records"];

function store(size: number): string {
  return `store, ${size.toLocaleString("en")} records`;
}

function targets(times: number): Target[] {
  const ofDriver = SIZES.map((size) => ({
    contender: store(size),
    against: `driver, ${size.toLocaleString("en")} records`,
    times,
  }));
  // at most 1.3 times the cost
  return [...ofDriver, { contender: store(SIZES[1]!), against: store(SIZES[0]!), times: 1 / 1.3 }];
}

async function filledStore(db: Db, size: number): Promise<MongoTokenStore> {
  const filled = new MongoTokenStore({ db, collection: `store_${size}`, timeoutMs: 60_000 });
  let next = 0;
  const fill = async () => {
    while (next < size) await filled.saveToken(tokenOf(next++));
  };
  await Promise.all(Array.from({ length: 20 }, fill));
  return filled;
}

/** The documents and indexes of the store, copied, and looked up by the key of the user with its client. */
async function bareDriver(db: Db, size: number) {
  const options = { writeConcern: MAJORITY, readConcern: { level: "local" as const } };
  const collection = db.collection<Document & { _id: string }>(`bare_${size}`, options);
  const source = db.collection<Document & { _id: string; keys: string[] }>(`store_${size}`);
  const { _id: _own, ...indexes } = await source.indexInformation({ full: false });
  for (const [name, fields] of Object.entries(indexes)) {
    await collection.createIndex(fields, { name, unique: name === "tokenkeep_keys" });
  }
  const keys = new Map<string, string>();
  let batch: (Document & { _id: string })[] = [];
  for await (const document of source.find()) {
    if (typeof document.userName === "string") keys.set(document.userName, document.keys[1]!);
    batch.push(document);
    if (batch.length === 1000) await collection.insertMany(batch.splice(0));
  }
  if (batch.length > 0) await collection.insertMany(batch);
  batch = [];
  const find = (i: number) => collection.findOne({ keys: keys.get(tokenOf(i).userSignature.name)! });
  const save = async (i: number, version: number) => {
    const { accessToken, expiresAt } = tokenOf(i, version);
    for (;;) {
      const stored = (await find(i))!;
      const etag = crypto.randomUUID();
      const changed = { ...stored, accessToken, expiresAt, etag, revision: stored.revision + 1 };
      const keysNow = [...stored.keys.slice(0, -1), `access.${i}.${version}.${"x".repeat(24)}`];
      const filter = { _id: stored._id, etag: stored.etag };
      const { matchedCount } = await collection.replaceOne(filter, { ...changed, keys: keysNow });
      if (matchedCount === 1) return;
    }
  };
  return { find, save };
}

interface Peer {
  readonly find: Contender;
  readonly save: Contender;
  close(): unknown;
}

async function keyv(url: string, db: Db): Promise<Peer> {
  const adapter = new KeyvMongo({ url, db: db.databaseName, collection: "keyv", maxPoolSize: POOL });
  const cache = new Keyv({ store: adapter });
  for (let i = 0; i < 100; i++) await cache.set(`${i}`, tokenOf(i));
  return {
    find: { name: PEERS[0]!, run: (i) => cache.get(`${someOf(100, i)}`) },
    save: {
      name: PEERS[0]!,
      durability: "one write, the last one wins",
      run: (i) => cache.set(`${someOf(100, i)}`, tokenOf(someOf(100, i), i)),
    },
    close: () => cache.disconnect(),
  };
}

// It makes no index for the id that it looks for, and so grows slower with every session: 100 are its best case.
async function shopify(url: string, db: Db): Promise<Peer> {
  const storage = new MongoDBSessionStorage(new URL(url), db.databaseName);
  const sessionOf = (i: number, version = 0) => {
    const { userSignature, accessToken } = tokenOf(i, version);
    return new Session({
      id: `offline_${i}`,
      shop: userSignature.name,
      state: "state",
      isOnline: false,
      accessToken: accessToken!,
    });
  };
  for (let i = 0; i < 100; i++) await storage.storeSession(sessionOf(i));
  return {
    find: { name: PEERS[1]!, run: (i) => storage.loadSession(`offline_${someOf(100, i)}`) },
    save: {
      name: PEERS[1]!,
      durability: "one write, the last one wins",
      run: (i) => storage.storeSession(sessionOf(someOf(100, i), i)),
    },
    close: () => storage.disconnect(),
  };
}
