import { MongoTokenStore } from "@tokenkeep/mongo";
import { type Collection, type Document, MongoClient } from "mongodb";
import { afterAll, beforeEach, expect, it } from "vitest";
import { Layout } from "../src/layout.js";
import { describeOnEach, freshName } from "./servers.js";

interface Stored extends Document {
  _id: string;
}

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
  const openStore = (namespace = "") => new MongoTokenStore({ client, collection: name, namespace });
  const record = async () => (await collection.findOne({ accessToken: { $exists: true } }))!;

  it("keeps a record as a document that a person can read", async () => {
    const store = openStore("ns");
    const { id } = await store.saveToken({
      userSignature: { name: "ann" },
      clientId: "c",
      accessToken: "a",
      expiresAt: Number.MAX_SAFE_INTEGER,
    });
    const { _id, keys, key, user, space, etag, createdAt, savedAt, ...readable } = await record();
    expect(readable).toEqual({
      namespace: "ns",
      generation: 0,
      id,
      userName: "ann",
      clientId: "c",
      accessToken: "a",
      expiresAt: Number.MAX_SAFE_INTEGER,
      revision: 1,
    });
    expect(keys).toHaveLength(3);
    expect(space).toMatch(/^[\w-]{43}$/);
    for (const digest of [...keys, user]) expect(digest).toMatch(/^[\w-]{22}\.[\w-]{43}$/);
    expect(new Set(keys).size).toBe(3);
    expect(keys).toContain(key);
    expect(keys).toContain(_id);
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
      await store.saveToken({ ...token, accessToken: `${text}!` }); // an update too
    }
    for (const text of texts) {
      for (const query of [{ id: text }, { userSignature: { name: text } }, { accessToken: `${text}!` }]) {
        expect((await store.findToken(query))?.toPlain()).toMatchObject({
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
    for (const round of [1, 2]) {
      const saved = await store.saveToken({ userSignature: { name: "ann" }, accessToken: "b" });
      expect(saved).toMatchObject({ revision: round });
      expect(saved.id).not.toBe("x");
    }
    await store.deleteToken("x");
    expect(await store.findToken({ userSignature: { name: "bob" } })).toBeNull();
    expect((await store.findToken({ userSignature: { name: "ann" } }))?.accessToken).toBe("b");
    expect(await store.getTokens()).toHaveLength(1);
    await store.close();
  });

  it("loses no second where stores race for a user's first record", async () => {
    const stores = Array.from({ length: 8 }, () => openStore());
    await Promise.all(stores.map((store) => store.findTokenById("x")));
    const start = performance.now();
    const saved = await Promise.all(
      stores.map((store, i) => store.saveToken({ userSignature: { name: "ann" }, accessToken: `${i}` })),
    );
    // PostgreSQL's deadlock_timeout is one second, and each of the losers would have to wait for it
    expect(performance.now() - start).toBeLessThan(2000);
    expect(new Set(saved.map(({ id }) => id)).size).toBe(1);
    expect(saved.map(({ revision }) => revision).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const store of stores) await store.close();
  });

  it("reads one document for the user's newest record, however many the user has", async () => {
    const store = openStore();
    for (let i = 0; i < 5; i++) {
      await store.saveToken({ userSignature: { name: "ann" }, clientId: `${i}`, accessToken: `${i}` });
    }
    await store.saveToken({ userSignature: { name: "ann" }, clientId: "2", accessToken: "newest" });
    expect((await store.findToken({ userSignature: { name: "ann" } }))?.accessToken).toBe("newest");
    await store.close();
  });

  it("clears by one update, and leaves nothing of the old records", async () => {
    const [one, other, neighbour] = [openStore(), openStore(), openStore("another")];
    await neighbour.saveToken({ id: "kept", accessToken: "a" });
    await one.saveToken({ id: "old", userSignature: { name: "ann" }, accessToken: "a" });
    expect(await other.getTokens()).toHaveLength(1);
    await one.deleteTokens();
    expect(await other.findToken({ userSignature: { name: "ann" } })).toBeNull();
    expect(await collection.countDocuments({ id: "old" })).toBe(0);
    await other.saveToken({ id: "old", accessToken: "a" });
    expect((await one.findTokenById("old"))?.revision).toBe(1);
    await one.deleteToken("old");
    expect(await other.getTokens()).toEqual([]);
    expect(await neighbour.getTokens()).toHaveLength(1);
    for (const store of [one, other, neighbour]) await store.close();
  });

  it("does not see, and removes, what a process that died left of a cleared generation", async () => {
    const store = openStore();
    await store.saveToken({ id: "old", accessToken: "a" });
    await collection.updateOne({ _id: new Layout("").spaceId }, { $inc: { generation: 1 } });
    expect(await store.getTokens()).toEqual([]);
    await store.saveToken({ id: "old", accessToken: "a" });
    await store.close();
    const later = openStore();
    expect((await later.getTokens()).map(({ revision }) => revision)).toEqual([1]);
    expect(await collection.countDocuments({ id: "old" })).toBe(1);
    await later.close();
  });

  it("does not save into what was cleared since it was found", async () => {
    const store = openStore();
    const token = { userSignature: { name: "ann" }, clientId: "c", refreshToken: "r" };
    await store.saveToken(token);
    await store.findToken(token);
    // as a process leaves it that dies in deleteTokens
    await collection.updateOne({ _id: new Layout("").spaceId }, { $inc: { generation: 1 } });
    expect(await store.saveToken(token)).toMatchObject({ revision: 1 });
    const other = openStore();
    expect(await other.getTokens()).toHaveLength(1);
    for (const one of [store, other]) await one.close();
  });

  it("sets up anew where the collection was dropped under an open store", async () => {
    const store = openStore();
    await store.saveToken({ id: "gone", accessToken: "a" });
    await collection.drop();
    expect(await store.findTokenById("gone")).toBeNull();
    await store.saveToken({ id: "new", accessToken: "a" });
    await expect(store.saveToken({ id: "gone", refreshToken: "r", accessToken: "a" })).resolves.toMatchObject(
      {
        id: "new",
      },
    );
    expect(Object.keys(await collection.indexInformation())).toContain("tokenkeep_keys");
    await store.close();
  });

  it("takes a lock where the collection was emptied, and goes on", async () => {
    const store = openStore();
    await store.saveToken({ id: "a", accessToken: "a" });
    await collection.deleteMany({});
    expect(await store.withLock("k", () => "done")).toBe("done");
    expect(await store.getTokens()).toEqual([]);
    const other = openStore();
    await other.saveToken({ id: "b", accessToken: "b" });
    expect(await store.findTokenById("b")).toMatchObject({ revision: 1 });
    await other.close();
    await store.close();
  });

  it("refuses a newer schema and a collection of another program, and changes nothing", async () => {
    await collection.insertOne({ _id: "~schema", keys: ["~schema"], version: 2 });
    const store = openStore();
    await expect(store.saveToken({ accessToken: "a" })).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    expect(await collection.find().toArray()).toHaveLength(1);
    expect(Object.keys(await collection.indexInformation())).toEqual(["_id_"]);
    await collection.deleteMany({});
    await collection.insertOne({ _id: "foreign" });
    await expect(store.getTokens()).rejects.toMatchObject({ code: "ERR_SCHEMA" });
    expect(await collection.find().toArray()).toEqual([{ _id: "foreign" }]);
    await store.close();
  });

  it("names a document that can't be read", async () => {
    const store = openStore();
    await store.saveToken({ id: "x", accessToken: "a" });
    const { _id } = await record();
    await collection.updateOne({ _id }, { $set: { expiresAt: "secret text" } });
    const error = await store.findTokenById("x").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_CORRUPT", retryable: false });
    expect(String(error)).toContain(_id);
    expect(String(error)).toContain("expiresAt");
    expect(String(error)).not.toContain("secret text");
    await store.close();
  });

  // FerretDB refuses to make such a collection
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
