import { inspect } from "node:util";
import { MongoTokenStore, type MongoTokenStoreOptions } from "@tokenkeep/mongo";
import { MongoClient } from "mongodb";
import mongoose from "mongoose";
import { describe, expect, it } from "vitest";
import { describeOnEach, freshName } from "./support.js";

const URL_OF_NOBODY = "mongodb://user:pass%40word@127.0.0.1:1/tokens";

/** The error of a store that can't be made. */
function refusal(options: unknown): unknown {
  try {
    new MongoTokenStore(options as MongoTokenStoreOptions);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("options", () => {
  const client = new MongoClient(URL_OF_NOBODY);

  it.each<[string, unknown, RegExp]>([
    ["nothing", {}, /one of url, client and db/],
    ["undefined in place of a URL", undefined, /undefined.*environment variable/],
    ["a URL that is undefined", { url: undefined }, /url is undefined.*environment variable/],
    ["an empty URL", "", /percent-encode/i],
    ["two of url, client and db", { url: URL_OF_NOBODY, client }, /one of url, client and db/],
    ["clientOptions of a client", { client, clientOptions: {} }, /clientOptions are for url/],
    [
      "clientOptions that the driver does not know",
      { url: URL_OF_NOBODY, clientOptions: { pool: 1 } },
      /pool/,
    ],
    ["a database of a database", { db: client.db(), database: "x" }, /db or database/],
    ["something else as a client", { client: {} }, /MongoClient of the package mongodb/],
    ["something else as a database", { db: {} }, /Db of the package mongodb/],
    ["a mongoose connection as client", { client: mongoose.connection }, /connection\.getClient\(\)/],
    ["a mongoose connection as db", { db: mongoose.connection }, /connection\.getClient\(\)/],
    ["mongoose", { db: mongoose }, /connection\.getClient\(\)/],
    ["a collection name with a zero", { client, collection: "a\0b" }, /collection must be a name/],
    ["an empty name of a database", { client, database: "" }, /database must be a name/],
    ["a database in the URL with a dot", { url: "mongodb://127.0.0.1:1/a.b" }, /can't be used/],
    ["writes without an answer", { url: `${URL_OF_NOBODY}?w=0` }, /w: 0.*w: 1 or more/],
    ["an option with a typing error", { client, nameSpace: "x" }, /nameSpace/],
    ["a way to open that does not exist", { client, open: "maybe" }, /"existing"/],
  ])("refuses %s, and says what would be right", (_what, options, message) => {
    expect(refusal(options)).toMatchObject({
      code: "ERR_INVALID_OPTIONS",
      message: expect.stringMatching(message),
    });
  });

  it.each([
    "mongodb://user:hunter@tiger@host/",
    "mongodb://user:hunter/tiger@host/",
    "mongodb://user:1973/tiger@host/",
    "mongodb://user:hunter?tiger@host/",
    "mongodb://user:hunter@tiger@one:1,two:2/",
    "postgres://user:hunter-tiger@host",
    "mongodb://user:hunter-tiger@host/?poolSize=3",
    "mongodb://user:hunter-tiger@one:1,two:2/?poolSize=3",
  ])("refuses the URL %s without showing any of its password", (url) => {
    const error = refusal(url);
    expect(error).toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    expect(inspect(error)).not.toMatch(/hunter|tiger|1973/);
  });

  it.each([
    "mongodb://user:secret@one:1,two:2,[::1]:3/tokens?replicaSet=rs0",
    "mongodb://user:secret@one,two",
    "mongodb://%2Ftmp%2Fmongodb-27017.sock/tokens",
    "mongodb://one:1,two:2",
  ])("takes the URL %s", async (url) => {
    const store = new MongoTokenStore(url);
    expect(inspect(store)).not.toContain("secret");
    await store.close();
  });

  it("ends within timeoutMs if there is no server, says so, and shows no password", async () => {
    const store = new MongoTokenStore({ url: URL_OF_NOBODY, timeoutMs: 300 });
    const error = await store.saveToken({ accessToken: "a" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "ERR_UNAVAILABLE",
      retryable: true,
      uncertain: false,
      message: expect.stringMatching(/ECONNREFUSED.*Nothing was sent|Nothing was sent.*ECONNREFUSED/),
    });
    expect(inspect(error) + inspect(store)).not.toMatch(/pass(%40|@)word/);
    await store.close();
  });
});

await describeOnEach(({ url, name: serverName }) => {
  const collection = freshName();

  it("leaves a client and a database that were passed in open", async () => {
    const client = new MongoClient(url, { promoteLongs: false, useBigInt64: false, ignoreUndefined: true });
    for (const way of [{ client }, { client, database: "tokenkeep_other" }, { db: client.db() }]) {
      const store = new MongoTokenStore({ ...way, collection });
      await store.saveToken({ id: "x", accessToken: "a", expiresAt: 2 ** 40 });
      expect((await store.findTokenById("x"))?.expiresAt).toBe(2 ** 40);
      await store.close();
      expect(await client.db().command({ ping: 1 })).toMatchObject({ ok: 1 });
    }
    await client.db("tokenkeep_other").dropDatabase();
    await client.db().collection(collection).drop();
    await client.close();
  });

  it("takes the client of a mongoose connection, as the message advises", async () => {
    const { connection } = await mongoose.connect(url);
    const store = new MongoTokenStore({ client: connection.getClient(), collection });
    await store.saveToken({ id: "x", accessToken: "a" });
    expect(await store.findTokenById("x")).toMatchObject({ accessToken: "a" });
    await store.close();
    await connection.dropCollection(collection);
    await mongoose.disconnect();
  });

  it.each([{ collection: ".a" }, { database: "a b" }, { database: "d".repeat(64) }])(
    "passes on that the server refuses the name in %o",
    async (name) => {
      const store = new MongoTokenStore({ url, ...name });
      await expect(store.findTokenById("x")).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
      await store.close();
    },
  );

  it("adds one listener to a client, however many stores share it", async () => {
    const client = new MongoClient(url);
    const stores = Array.from({ length: 20 }, (_, i) => new MongoTokenStore({ client, namespace: `${i}` }));
    expect(client.listenerCount("topologyDescriptionChanged")).toBe(1);
    for (const store of stores) await store.close();
    await client.close();
  });

  it("says that the client is closed, and sends nothing", async () => {
    const client = new MongoClient(url);
    const store = new MongoTokenStore({ client, collection });
    await store.findTokenById("x");
    await client.close();
    const error = await store.saveToken({ accessToken: "a" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", uncertain: false });
    expect(String(error)).toContain("Don't close it before the store");
    await client.connect();
    expect(await store.findTokenById("x")).toBeNull();
    await client.db().collection(collection).drop();
    await store.close();
    await client.close();
  });

  it.runIf(serverName === "ferretdb")(
    "tells refused credentials from a server that is not there",
    async () => {
      const wrong = new globalThis.URL(url);
      wrong.password = "wrong-password";
      const store = new MongoTokenStore({ url: wrong.href });
      const error = await store.findTokenById("x").catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "ERR_PERMISSION", retryable: false });
      expect(inspect(error)).not.toContain("wrong-password");
      await store.close();
    },
  );
});
