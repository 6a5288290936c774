// How many requests a call takes, with which concerns, and from which index they are answered.
import { MongoTokenStore, type MongoTokenStoreOptions } from "@tokenkeep/mongo";
import {
  type Collection,
  type CommandStartedEvent,
  type Document,
  MongoClient,
  type MongoClientOptions,
} from "mongodb";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { describeOnEach, freshName } from "./support.js";

await describeOnEach(({ url }) => {
  const sent: Document[] = [];
  const clients: MongoClient[] = [];
  const openClient = (options: MongoClientOptions = {}) => {
    const opened = new MongoClient(url, { monitorCommands: true, ...options });
    opened.on("commandStarted", ({ command }: CommandStartedEvent) => sent.push(command));
    clients.push(opened);
    return opened;
  };
  const client = openClient();
  afterAll(async () => {
    for (const opened of clients) await opened.close();
  });
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
  const namesOf = async (call: () => Promise<unknown>) =>
    (await commandsOf(call)).map((command) => Object.keys(command)[0]);

  /** The command without what belongs to its session. FerretDB explains no writes: of those, their filters. */
  function readsOf(command: Document): Document[] {
    const { lsid, $db, $clusterTime, txnNumber, readConcern, ...read } = command;
    const writes: Document[] | undefined = command.updates ?? command.deletes;
    return writes?.map(({ q }) => ({ find: command.update ?? command.delete, filter: q })) ?? [read];
  }

  it("finds in one request, saves in two, and saves a current copy in one", async () => {
    const store = openStore();
    await store.findTokenById("x"); // the first use sets up
    expect(await namesOf(() => store.saveToken({ id: "7", ...TOKEN }))).toEqual(["find", "insert"]);
    expect(await namesOf(() => store.saveToken({ ...TOKEN, accessToken: "b" }))).toEqual(["find", "update"]);
    const user = { userSignature: { name: "ann" } };
    expect(await namesOf(() => store.saveToken({ ...user, accessToken: "a" }))).toEqual([
      "aggregate",
      "update",
    ]);
    for (const query of QUERIES) {
      expect(await namesOf(() => store.findToken(query))).toHaveLength(1);
      expect(await store.findToken(query)).toMatchObject({ id: "7" });
    }
    expect(await namesOf(() => store.findTokenById("7"))).toEqual(["find"]);
    expect(await namesOf(() => store.findToken({ refreshToken: "nobody's" }))).toEqual(["find"]);
    const found = (await store.findTokenById("7"))!;
    expect(await namesOf(() => store.saveToken(found.with({ accessToken: "c" })))).toEqual(["update"]);
    expect(await namesOf(() => store.deleteToken("7"))).toEqual(["find", "delete"]);
    await store.close();
  });

  it("finds, saves, pages and deletes by index, never by reading every document", async () => {
    const store = openStore();
    await store.saveToken({ id: "7", ...TOKEN });
    const sample = (await collection.findOne({ record: { $exists: true } }))!;
    // FerretDB's planner rightly thinks that a few documents, which fit in one page, need no index.
    const others = Array.from({ length: 3000 }, (_, i) => {
      const key = `x${i}`;
      return { ...sample, _id: key, keys: [key, `y${i}`], key, user: key, createdAt: i };
    });
    await collection.insertMany(others);
    const commands = await commandsOf(async () => {
      for (const query of QUERIES) await store.findToken(query);
      await store.saveToken({ ...TOKEN, accessToken: "b" });
      await store.deleteToken("7");
    });
    await store.saveToken({ id: "7", ...TOKEN, accessToken: "b" });
    await collection.deleteMany({ record: sample.record }); // of which pages could not be read
    commands.push(...(await commandsOf(() => store.tokens().next())));
    expect(commands.length).toBeGreaterThanOrEqual(QUERIES.length + 4);
    for (const read of commands.flatMap(readsOf)) {
      const plan = JSON.stringify(await client.db().command({ explain: read }));
      expect(plan).not.toMatch(/COLLSCAN|"Seq Scan"/);
      expect(plan).toMatch(/tokenkeep_|_id_|IDHACK/); // an index by its name, or the shortest way to an _id
    }
    await store.close();
  });

  it("writes to a majority unless the client says otherwise, and reads from the primary", async () => {
    const work = async (options: MongoClientOptions) => {
      const store = openStore({ client: openClient(options), timeoutMs: 12_345 });
      await store.saveToken(TOKEN);
      await store.saveToken({ ...TOKEN, accessToken: "b" });
      await store.withLock("k", () => {});
      await store.deleteTokens();
      await store.getTokens();
      await store.close();
    };
    const concernsOf = (commands: Document[]) =>
      new Set(
        commands.filter(({ writeConcern }) => writeConcern).map((one) => JSON.stringify(one.writeConcern)),
      );
    const byDefault = await commandsOf(() => work({ readPreference: "secondaryPreferred" }));
    expect(concernsOf(byDefault)).toEqual(new Set(['{"w":"majority","wtimeout":12345}']));
    const changed = await commandsOf(() =>
      work({ writeConcern: { w: 1, journal: true }, readConcernLevel: "majority" }),
    );
    expect(concernsOf(changed)).toEqual(new Set(['{"w":1,"wtimeout":12345,"j":true}']));
    for (const command of [...byDefault, ...changed]) {
      const [name] = Object.keys(command);
      expect(command.$readPreference?.mode ?? "primary").toMatch(/^primary/);
      if (name === "insert" || name === "update" || name === "delete" || name === "findAndModify") {
        expect(command).toHaveProperty("writeConcern");
      }
    }
    const finds = changed.filter(({ find }) => find !== undefined);
    expect(new Set(finds.map(({ readConcern }) => readConcern?.level))).toEqual(new Set(["majority"]));
  });

  it("keeps its own clock out of locks", async () => {
    const [holder, other] = [openStore({ leaseMs: 5000 }), openStore()];
    await other.getTokens();
    await holder.withLock("k", async () => {
      const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 86_400_000);
      try {
        const waiting = other.withLock("k", () => {}, { timeoutMs: 500 });
        await expect(waiting).rejects.toMatchObject({ code: "ERR_LOCK_TIMEOUT" });
      } finally {
        now.mockRestore();
      }
    });
    for (const store of [holder, other]) await store.close();
  });
});
