// What goes over the wire: how many requests, with which concerns, answered from which index.
import { MongoTokenStore, type MongoTokenStoreOptions } from "@tokenkeep/mongo";
import { type Collection, type CommandStartedEvent, type Document, MongoClient } from "mongodb";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { staysOnItsWay } from "./proxied.js";
import { describeOnEach, freshName } from "./servers.js";
import { wayTo } from "./way.js";

await describeOnEach(({ url }) => {
  const client = new MongoClient(url, { monitorCommands: true });
  const sent: Document[] = [];
  client.on("commandStarted", ({ command }: CommandStartedEvent) => sent.push(command));
  afterAll(() => client.close());
  let collection: Collection<Document & { _id: string }>;
  beforeEach(() => {
    collection = client.db().collection(freshName());
    return async () => void (await collection.drop().catch(() => {}));
  });
  const openStore = (options: Partial<MongoTokenStoreOptions> = {}) =>
    new MongoTokenStore({ client, collection: collection.collectionName, ...options });

  const TOKEN = {
    userSignature: { name: "ann" },
    clientId: "c",
    grantToken: "g",
    refreshToken: "r",
    accessToken: "a",
  };
  const QUERIES = [
    { id: "7" },
    { userSignature: { name: "ann" } },
    { userSignature: { name: "ann" }, clientId: "c" },
    { refreshToken: "r" },
    { ...TOKEN, accessToken: "older" },
  ];

  async function commandsOf(call: () => Promise<unknown>): Promise<Document[]> {
    sent.length = 0;
    await call();
    return [...sent];
  }

  /** The command without what belongs to its session. FerretDB explains no writes: of those, their filter. */
  function readOf(command: Document): Document {
    const { lsid, $db, $clusterTime, txnNumber, readConcern, ...read } = command;
    const [write] = command.updates ?? command.deletes ?? [];
    return write === undefined ? read : { find: command.update ?? command.delete, filter: write.q };
  }

  it("finds in one request and saves in two", async () => {
    const store = openStore();
    await store.findTokenById("x"); // the first use sets up
    const names = async (call: () => Promise<unknown>) =>
      (await commandsOf(call)).map((command) => Object.keys(command)[0]);
    expect(await names(() => store.saveToken({ id: "7", ...TOKEN }))).toEqual(["find", "insert"]);
    expect(await names(() => store.saveToken({ ...TOKEN, accessToken: "b" }))).toEqual(["find", "update"]);
    expect(await names(() => store.saveToken({ userSignature: { name: "ann" }, accessToken: "a" }))).toEqual([
      "aggregate",
      "update",
    ]);
    for (const query of QUERIES) {
      expect(await names(() => store.findToken(query))).toHaveLength(1);
      expect(await store.findToken(query)).toMatchObject({ id: "7" });
    }
    expect(await names(() => store.findTokenById("7"))).toEqual(["find"]);
    expect(await names(() => store.findToken({ refreshToken: "nobody's" }))).toEqual(["find"]);
    await store.close();
  });

  it("finds, saves, pages and deletes by index, never by a look at every document", async () => {
    const store = openStore();
    await store.saveToken({ id: "7", ...TOKEN });
    const sample = (await collection.findOne({ id: "7" }))!;
    // a few documents fit in one page, of which FerretDB's planner rightly thinks that no index is needed
    const others = Array.from({ length: 3000 }, (_, i) => {
      const key = `x${i}`;
      return { ...sample, _id: key, keys: [key, `y${i}`], key, user: key, createdAt: i };
    });
    await collection.insertMany(others);
    const commands = await commandsOf(async () => {
      for (const query of QUERIES) await store.findToken(query);
      await store.saveToken({ ...TOKEN, accessToken: "b" });
      for await (const token of store.tokens()) if (token.id === "7") break;
      await store.deleteToken("7");
    });
    expect(commands.length).toBeGreaterThanOrEqual(QUERIES.length + 5);
    for (const command of commands) {
      const plan = JSON.stringify(await client.db().command({ explain: readOf(command) }));
      expect(plan).not.toMatch(/COLLSCAN|"Seq Scan"/);
      expect(plan).toMatch(/tokenkeep_|_id_|IDHACK/); // an index by its name, or the shortest way to an _id
    }
    await store.close();
  });

  it("asks for a majority in time, and for the newest state; for something else if told so", async () => {
    const work = async (store: MongoTokenStore) => {
      await store.saveToken(TOKEN);
      await store.saveToken({ ...TOKEN, accessToken: "b" });
      await store.withLock("k", () => {});
      await store.deleteTokens();
      await store.getTokens();
      await store.close();
    };
    const concernsIn = (commands: Document[], concern: string) =>
      new Set(
        commands.filter((command) => concern in command).map((command) => JSON.stringify(command[concern])),
      );
    const byDefault = await commandsOf(() => work(openStore({ timeoutMs: 1234 })));
    expect(concernsIn(byDefault, "writeConcern")).toEqual(new Set(['{"w":"majority","wtimeout":1234}']));
    expect(concernsIn(byDefault, "readConcern")).toEqual(new Set(['{"level":"local"}']));
    const changed = await commandsOf(() =>
      work(openStore({ writeConcern: { w: 1, journal: true, wtimeoutMS: 50 }, readConcern: "majority" })),
    );
    expect(concernsIn(changed, "writeConcern")).toEqual(new Set(['{"w":1,"wtimeout":50,"j":true}']));
    expect(concernsIn(changed, "readConcern")).toEqual(new Set(['{"level":"majority"}']));
    for (const command of [...byDefault, ...changed]) {
      const [name] = Object.keys(command);
      if (name === "find" || name === "aggregate") expect(command).toHaveProperty("readConcern");
      else if (name !== "getMore") expect(command).toHaveProperty("writeConcern");
    }
  });

  it("leaves its own clock out of locks", async () => {
    const [holder, other] = [openStore({ leaseMs: 5000 }), openStore()];
    await holder.withLock("k", async () => {
      const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 86_400_000);
      try {
        await expect(other.withLock("k", () => {}, { timeoutMs: 200 })).rejects.toMatchObject({
          code: "ERR_LOCK_TIMEOUT",
        });
      } finally {
        now.mockRestore();
      }
    });
    for (const store of [holder, other]) await store.close();
  });

  it.runIf(staysOnItsWay(url))("keeps to its pool", async () => {
    const way = await wayTo(url);
    for (const [maxPoolSize, connections] of [
      [2, 2],
      [undefined, 20],
    ] as const) {
      way.most = 0;
      const options = { url: way.url, collection: collection.collectionName };
      const store = new MongoTokenStore({
        ...options,
        ...(maxPoolSize === undefined ? {} : { maxPoolSize }),
      });
      await store.saveToken(TOKEN);
      await Promise.all(Array.from({ length: 300 }, () => store.findToken(TOKEN)));
      expect(way.most).toBeGreaterThanOrEqual(connections);
      // the driver watches the server by one or two more
      expect(way.most).toBeLessThanOrEqual(connections + 2);
      await store.close();
    }
    await way.close();
  });
});
