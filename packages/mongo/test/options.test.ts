import { inspect } from "node:util";
import { MongoTokenStore, type MongoTokenStoreOptions } from "@tokenkeep/mongo";
import { MongoClient } from "mongodb";
import { describe, expect, it } from "vitest";
import { describeOnEach, freshName } from "./servers.js";

const URL_OF_NOBODY = "mongodb://user:pass%40word@127.0.0.1:1/tokens";

describe("options", () => {
  const client = new MongoClient(URL_OF_NOBODY);
  it.each<[string, unknown]>([
    ["nothing", {}],
    ["two ways", { url: URL_OF_NOBODY, client }],
    ["a pool size for a client that has its own", { client, maxPoolSize: 3 }],
    ["a database of a database", { db: client.db(), database: "x" }],
    ["something else as a client", { client: {} }],
    ["a collection name with a zero", { client, collection: "a\0b" }],
    ["a collection name that begins with a dot", { client, collection: ".a" }],
    ["a database name that is too long", { client, database: "d".repeat(64) }],
    ["a database in the URL that can't be one", { url: "mongodb://127.0.0.1:1/a%20b" }],
    ["a database in the URL with a dot", { url: "mongodb://127.0.0.1:1/a.b" }],
    ["writes without an answer", { client, writeConcern: { w: 0 } }],
    ["writes without an answer, as text", { client, writeConcern: { w: "0" } }],
    ["writes that half a member has", { client, writeConcern: { w: 1.5 } }],
    ["a write concern with a typing error", { client, writeConcern: { wait: 1 } }],
    ["a read concern that does not exist", { client, readConcern: "newest" }],
    ["a pool of nothing", { url: URL_OF_NOBODY, maxPoolSize: 0 }],
    ["an option with a typing error", { client, nameSpace: "x" }],
  ])("refuses %s", (_what, options) => {
    expect(() => new MongoTokenStore(options as MongoTokenStoreOptions)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_OPTIONS" }),
    );
  });

  it.each([
    "mongodb://user:pass@word:x@host/",
    "postgres://user:pass@word:x@host",
    "mongodb://user:pass@word:x@:/",
  ])("refuses the URL %s without showing its password", (url) => {
    let error: unknown;
    try {
      new MongoTokenStore(url);
    } catch (reason) {
      error = reason;
    }
    expect(error).toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    expect(inspect(error)).not.toContain("pass@word");
  });

  it("ends within timeoutMs where there is no server, and shows no password", async () => {
    const store = new MongoTokenStore({ url: URL_OF_NOBODY, timeoutMs: 300 });
    const error = await store.findTokenById("x").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
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
