// What is in the collection, and what happens if somebody else changes it.
import { setTimeout as sleep } from "node:timers/promises";
import { MongoTokenStore, type MongoTokenStoreOptions } from "@tokenkeep/mongo";
import { type Collection, type Document, MongoClient } from "mongodb";
import { afterAll, beforeEach, expect, it } from "vitest";
import { Layout } from "../src/documents.js";
import { describeOnEach, freshName } from "./support.js";

interface Stored extends Document {
  _id: string;
}

const ANN = { userSignature: { name: "ann" }, clientId: "c", refreshToken: "r" };

await describeOnEach(({ url, name: serverName }) => {
  const client = new MongoClient(url);
  let name: string;
  let collection: Collection<Stored>;
  afterAll(() => client.close());
  beforeEach(() => {
    name = freshName();
    collection = client.db().collection<Stored>(name);
    return async () => void (await collection.drop().catch(() => {}));
  });
  const openStore = (options: Partial<MongoTokenStoreOptions> = {}) =>
    new MongoTokenStore({ client, collection: name, ...options });
  const records = () => collection.find({ record: { $exists: true } }).toArray();
  const indexNames = async () => Object.keys(await collection.indexInformation());
  /** As a process leaves the collection that dies in `deleteTokens`. */
  const raiseGeneration = () =>
    collection.updateOne({ _id: new Layout("").spaceId }, { $inc: { generation: 1 } });

  it("keeps a record as one text, and the fields that are queried", async () => {
    const store = openStore({ namespace: "ns" });
    const saved = await store.saveToken({ ...ANN, accessToken: "a", expiresAt: Number.MAX_SAFE_INTEGER });
    const [document] = await records();
    const { _id, keys, key, user, space, generation, etag, record, ...rest } = document!;
    expect(rest).toEqual({ createdAt: saved.createdAt, savedAt: saved.savedAt });
    expect(JSON.parse(record)).toEqual({
      id: saved.id,
      userName: "ann",
      clientId: "c",
      refreshToken: "r",
      accessToken: "a",
      expiresAt: Number.MAX_SAFE_INTEGER,
      revision: 1,
      etag,
      ...rest,
    });
    expect(space).toMatch(/^[\w-]{43}$/);
    for (const digest of [...keys, user]) expect(digest).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
    expect(new Set(keys).size).toBe(4);
    expect(keys).toEqual(expect.arrayContaining([_id, key]));
    const namespace = await collection.findOne({ _id: new Layout("ns").spaceId });
    expect(namespace).toMatchObject({ namespace: "ns", generation });
    await store.close();
  });

  it("takes text that looks like an operator, a path or an expression as text", async () => {
    const store = openStore();
    const texts = [
      "$set",
      "$$NOW",
      "$accessToken",
      '{"$gt":""}',
      "a.b.$[]",
      "$where: sleep(1)",
      "\0",
      "a\0b",
    ];
    for (const text of texts) {
      const token = { id: text, userSignature: { name: text }, clientSecret: text, refreshToken: text };
      await store.saveToken(token);
      await store.saveToken({ ...token, accessToken: `${text}!` });
    }
    for (const text of texts) {
      for (const query of [{ id: text }, { userSignature: { name: text } }, { accessToken: `${text}!` }]) {
        const found = await store.findToken(query);
        expect(found?.toPlain()).toMatchObject({
          id: text,
          clientSecret: text,
          refreshToken: text,
          revision: 2,
        });
      }
      expect(await store.withLock(text, ({ fence }) => fence)).toBe(1);
    }
    expect(await store.getTokens()).toHaveLength(texts.length);
    await store.close();
  });

  it("gives a user to another record than the one that was saved with it first", async () => {
    const store = openStore();
    await store.saveToken({ id: "x", userSignature: { name: "ann" }, accessToken: "a" });
    await store.saveToken({ id: "x", userSignature: { name: "bob" } });
    for (const revision of [1, 2]) {
      const saved = await store.saveToken({ userSignature: { name: "ann" }, accessToken: "b" });
      expect(saved).toMatchObject({ revision });
      expect(saved.id).not.toBe("x");
    }
    await store.deleteToken("x");
    expect(await store.findToken({ userSignature: { name: "bob" } })).toBeNull();
    expect((await store.findToken({ userSignature: { name: "ann" } }))?.accessToken).toBe("b");
    expect(await store.getTokens()).toHaveLength(1);
    await store.close();
  });

  it("loses no second if stores race for a user's first record", async () => {
    const stores = Array.from({ length: 8 }, () => openStore());
    await Promise.all(stores.map((store) => store.findTokenById("x")));
    const start = performance.now();
    const saved = await Promise.all(
      stores.map((store, i) => store.saveToken({ userSignature: { name: "ann" }, accessToken: `${i}` })),
    );
    // PostgreSQL's deadlock_timeout is one second, and each of the losers would have to wait for it.
    expect(performance.now() - start).toBeLessThan(4000);
    expect(new Set(saved.map(({ id }) => id)).size).toBe(1);
    expect(saved.map(({ revision }) => revision).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const store of stores) await store.close();
  });

  it("gives a token that four stores race for to one of them, and does not leave them in deadlocks", async () => {
    const stores = Array.from({ length: 4 }, () => openStore({ timeoutMs: 60_000 }));
    await Promise.all(stores.map((store) => store.findTokenById("x")));
    for (let round = 0; round < 40; round++) {
      const refreshToken = `prize ${round}`;
      const saves = stores.map((store, i) =>
        store.saveToken({ userSignature: { name: `${round} ${i}` }, refreshToken }),
      );
      const codes = (await Promise.allSettled(saves)).map((saved) =>
        saved.status === "rejected" ? saved.reason.code : null,
      );
      expect(codes.filter((code) => code === "ERR_CONFLICT")).toHaveLength(3);
      expect(codes.filter((code) => code === null)).toHaveLength(1);
    }
    for (const store of stores) await store.close();
  }, 180_000);

  it("reads the user's newest record, however many the user has", async () => {
    const store = openStore();
    for (const clientId of ["0", "1", "2", "3", "2"]) {
      await store.saveToken({ userSignature: { name: "ann" }, clientId, accessToken: `${clientId}!` });
      await sleep(2);
    }
    expect((await store.findToken({ userSignature: { name: "ann" } }))?.clientId).toBe("2");
    await store.close();
  });

  it("clears by one update, and leaves nothing of the old records", async () => {
    const [one, other, neighbour] = [openStore(), openStore(), openStore({ namespace: "another" })];
    await neighbour.saveToken({ id: "kept", accessToken: "a" });
    await one.saveToken({ id: "old", userSignature: { name: "ann" }, accessToken: "a" });
    expect(await other.getTokens()).toHaveLength(1);
    await one.deleteTokens();
    expect(await other.findToken({ userSignature: { name: "ann" } })).toBeNull();
    expect(await records()).toHaveLength(1);
    await other.saveToken({ id: "old", accessToken: "a" });
    expect((await one.findTokenById("old"))?.revision).toBe(1);
    await one.deleteToken("old");
    expect(await other.getTokens()).toEqual([]);
    expect(await neighbour.getTokens()).toHaveLength(1);
    for (const store of [one, other, neighbour]) await store.close();
  });

  it("does not find, and removes, what a process left that died in deleteTokens", async () => {
    const store = openStore();
    await store.saveToken({ id: "old", accessToken: "a" });
    await raiseGeneration();
    expect(await store.getTokens()).toEqual([]);
    await store.saveToken({ id: "old", accessToken: "a" });
    expect(await records()).toHaveLength(2);
    await store.close();
    const later = openStore();
    expect((await later.getTokens()).map(({ revision }) => revision)).toEqual([1]);
    expect(await records()).toHaveLength(1);
    await later.close();
  });

  it("saves a changed copy of a record that was cleared as a new record, not where nobody finds it", async () => {
    const store = openStore();
    const copies = [await store.saveToken(ANN), (await store.findToken(ANN))!];
    for (const copy of copies) {
      await raiseGeneration(); // this store has not read since
      expect(await store.saveToken(copy.with({ accessToken: "a" }))).toMatchObject({ revision: 1 });
      const other = openStore();
      expect(await other.getTokens()).toMatchObject([{ refreshToken: "r", accessToken: "a" }]);
      await other.close();
      await store.deleteTokens();
    }
    const guarded = await store.saveToken(ANN);
    await raiseGeneration();
    const saving = store.saveToken(guarded.with({ accessToken: "b" }), { ifRevision: 1 });
    await expect(saving).rejects.toMatchObject({ code: "ERR_CONFLICT" });
    await store.close();
  });

  it("sets up again if the collection was dropped under an open store", async () => {
    const store = openStore();
    const gone = await store.saveToken({ id: "gone", accessToken: "a" });
    await collection.drop();
    expect(await store.findTokenById("gone")).toBeNull();
    await store.saveToken({ id: "new", accessToken: "b" });
    await collection.drop();
    await store.saveToken(gone.with({ refreshToken: "r" }));
    expect(await indexNames()).toContain("tokenkeep_keys");
    expect(await store.getTokens()).toMatchObject([{ id: "gone", revision: 1 }]);
    await store.close();
  });

  it("makes no second record of a user or token while the collection is dropped under load", async () => {
    const stores = Array.from({ length: 4 }, () => openStore());
    await Promise.all(stores.map((store) => store.getTokens()));
    let isOver = false;
    const savers = stores.map(async (store, i) => {
      for (let n = 0; !isOver; n++) {
        // Refused while two processes of FerretDB's make the same table: nothing that a caller could not repeat.
        const saves = [
          store.saveToken({ ...ANN, accessToken: `${i}-${n}` }),
          store.saveToken({ grantToken: "g" }),
        ];
        for (const { status, reason } of (await Promise.allSettled(saves)) as PromiseRejectedResult[]) {
          if (status === ("rejected" as string)) expect(reason).toMatchObject({ code: "ERR_UNAVAILABLE" });
        }
      }
    });
    for (let round = 0; round < 6; round++) {
      await sleep(300);
      await client.db().dropCollection(name);
    }
    await sleep(300);
    isOver = true;
    await Promise.all(savers);
    await stores[0]!.saveToken(ANN);
    await stores[0]!.saveToken({ grantToken: "g" });
    expect(await indexNames()).toContain("tokenkeep_keys");
    expect(await stores[0]!.getTokens()).toHaveLength(2);
    for (const store of stores) await store.close();
  });

  it("removes what saves stored after a drop, before it makes the unique index", async () => {
    const store = openStore();
    await store.saveToken(ANN);
    const [document] = await records();
    await collection.drop();
    const late = ["a", "b"].map((letter) => ({ ...document!, _id: `${letter}${document!._id.slice(1)}` }));
    await collection.insertMany(late); // the same keys twice
    expect(await store.getTokens()).toEqual([]);
    expect(await store.saveToken(ANN)).toMatchObject({ revision: 1 });
    expect(await records()).toHaveLength(1);
    await store.close();
  });

  it("takes a lock if the collection was emptied, and goes on", async () => {
    const store = openStore();
    await store.saveToken({ id: "a", accessToken: "a" });
    await collection.deleteMany({});
    expect(await store.withLock("k", () => "done")).toBe("done");
    expect(await store.getTokens()).toEqual([]);
    const other = openStore();
    await other.saveToken({ id: "b", accessToken: "b" });
    expect(await store.findTokenById("b")).toMatchObject({ revision: 1 });
    for (const one of [store, other]) await one.close();
  });

  it('creates nothing with open: "existing"', async () => {
    const tool = openStore({ open: "existing" });
    await expect(tool.getTokens()).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    expect(await client.db().listCollections({ name }).toArray()).toEqual([]);
    const store = openStore();
    await store.saveToken({ id: "x", accessToken: "a" });
    expect(await tool.getTokens()).toHaveLength(1);
    await raiseGeneration();
    expect(await tool.getTokens()).toEqual([]);
    const elsewhere = openStore({ open: "existing", namespace: "elsewhere" });
    expect(await elsewhere.getTokens()).toEqual([]);
    await elsewhere.deleteTokens();
    const ids = (await collection.find().toArray()).map(({ _id }) => _id);
    expect(ids.filter((id) => id.startsWith("~"))).toHaveLength(2);
    expect(await records()).toHaveLength(1); // what deleteTokens left is another's to remove
    await elsewhere.saveToken({ id: "y", accessToken: "a" });
    expect(await elsewhere.findTokenById("y")).toMatchObject({ revision: 1 });
    for (const one of [tool, store, elsewhere]) await one.close();
  });

  it("refuses a newer schema and a collection of another program, and changes nothing", async () => {
    await collection.insertOne({ _id: "~schema", keys: ["~schema"], version: 2 });
    const store = openStore();
    await expect(store.saveToken({ accessToken: "a" })).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    expect(await collection.find().toArray()).toHaveLength(1);
    expect(await indexNames()).toEqual(["_id_"]);
    await collection.deleteMany({});
    await collection.insertOne({ _id: "foreign" });
    await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    expect(await collection.find().toArray()).toEqual([{ _id: "foreign" }]);
    await store.close();
  });

  it("names a document that can't be read", async () => {
    const store = openStore();
    await store.saveToken({ id: "x", accessToken: "a" });
    const [{ _id }] = (await records()) as [Stored];
    await collection.updateOne({ _id }, { $set: { record: '{"id":"x","accessToken":["secret text"]}' } });
    const error = await store.findTokenById("x").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_CORRUPT", retryable: false });
    expect(String(error)).toContain(_id);
    expect(String(error)).toContain("accessToken");
    expect(String(error)).not.toContain("secret text");
    await store.close();
  });

  // FerretDB refuses to make such a collection.
  it.runIf(serverName !== "ferretdb")("compares exactly in a collection with another collation", async () => {
    await client.db().createCollection(name, { collation: { locale: "en", strength: 1 } });
    const store = openStore();
    await store.saveToken({ id: "ID", userSignature: { name: "Ann" }, accessToken: "É" });
    await store.saveToken({ id: "id", userSignature: { name: "ann" }, accessToken: "e" });
    expect((await store.findToken({ accessToken: "e" }))?.id).toBe("id");
    expect(await store.findToken({ accessToken: "E" })).toBeNull();
    expect(await store.getTokens()).toHaveLength(2);
    await store.close();
  });
});
