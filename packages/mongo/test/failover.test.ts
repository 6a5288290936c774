// A replica set that loses its primary.
import { setTimeout as sleep } from "node:timers/promises";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { type CommandStartedEvent, MongoClient } from "mongodb";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import { saveThrough } from "./load.js";
import { describeOnReplicaSet } from "./replica-set.js";
import { freshName, proxied } from "./support.js";

const TIMEOUT_MS = 5000;
const LONG = 120_000;

await describeOnReplicaSet(async ({ name, url, members }) => {
  // Longer than stepping down takes. Without a limit, a request to a frozen primary waits until it is thawed.
  const admin = new MongoClient(url, { socketTimeoutMS: 12_000, serverSelectionTimeoutMS: 2000 });
  afterAll(() => admin.close());
  let store: MongoTokenStore;
  beforeEach(() => {
    store = new MongoTokenStore({ url, collection: freshName(), timeoutMs: TIMEOUT_MS });
  });
  afterEach(() => store.close());

  /** The primary, as `host:port`, once there is one that is not `former`. */
  async function primary(former?: string): Promise<string> {
    for (;;) {
      const hello = await admin
        .db("admin")
        .command({ hello: 1 })
        .catch(() => undefined);
      if (typeof hello?.primary === "string" && hello.primary !== former) return hello.primary;
      await sleep(100);
    }
  }
  const portOf = (address: string): number => Number(address.split(":").at(-1));

  it("has what was acknowledged, saved while the primary stepped down", { timeout: LONG }, async () => {
    await saveThrough(store, TIMEOUT_MS, async () => {
      const former = await primary();
      // The first has to be longer than the second, which is how long the primary waits for a secondary:
      // https://www.mongodb.com/docs/v8.0/reference/command/replSetStepDown/
      await admin.db("admin").command({ replSetStepDown: 20, secondaryCatchUpPeriodSecs: 10 });
      await primary(former);
    });
  });

  it.runIf(members !== undefined)(
    "has what was acknowledged, saved while the primary was killed and came back",
    { timeout: LONG },
    async () => {
      await saveThrough(store, TIMEOUT_MS, async () => {
        const former = await primary();
        await members!.kill(portOf(former));
        await primary(former);
        await members!.start(portOf(former));
      });
    },
  );

  it.runIf(members !== undefined)(
    "has what was acknowledged, saved while the primary was frozen past the time limit",
    { timeout: LONG },
    async () => {
      await saveThrough(store, TIMEOUT_MS, async () => {
        const former = await primary();
        await members!.freeze(portOf(former));
        try {
          await primary(former);
          await sleep(TIMEOUT_MS);
        } finally {
          await members!.thaw(portOf(former));
        }
      });
    },
  );

  // The driver sends the write again under the same transaction number, and the server answers with the first result:
  // https://www.mongodb.com/docs/v8.0/core/retryable-writes/
  it("counts a save once whose reply was lost, also if another process has saved since", {
    timeout: LONG,
  }, async () => {
    // The same user and options, and only the primary.
    const direct = url
      .replace(/^(mongodb:\/\/(?:[^/]*@)?)[^/]*/, `$1${await primary()}`)
      .replace(/replicaSet=[^&]*/i, "directConnection=true");
    const proxy = (await proxied({ name, url: direct, container: undefined, stop: async () => {} }))!;
    const client = new MongoClient(proxy.url, { monitorCommands: true });
    const collection = freshName();
    const own = new MongoTokenStore({ client, collection, timeoutMs: 30_000 });
    const other = new MongoTokenStore({ url, collection });
    await own.saveToken({ id: "x", accessToken: "a" });
    let lost = "";
    client.on("commandStarted", ({ commandName }: CommandStartedEvent) => {
      if (commandName !== lost) return;
      lost = "";
      proxy.loseReply();
    });
    for (const [command, token, revision] of [
      ["update", { id: "x", refreshToken: "r" }, 2],
      ["insert", { id: "new", refreshToken: "s" }, 1],
    ] as const) {
      lost = command;
      const saving = own.saveToken(token);
      await expect.poll(async () => (await other.findTokenById(token.id))?.revision).toBe(revision);
      await other.saveToken({ id: token.id, scope: "newer" });
      proxy.restore();
      expect((await saving).revision).toBe(revision);
      expect(await other.findTokenById(token.id)).toMatchObject({ scope: "newer", revision: revision + 1 });
    }
    await own.close();
    await other.close();
    await client.close();
    await proxy.close();
  });

  // With too few members a majority is never reached. The write itself is applied, and may be rolled back:
  // https://www.mongodb.com/docs/v8.0/reference/write-concern/
  it.runIf(members !== undefined)(
    "does not acknowledge what only a minority has",
    { timeout: LONG },
    async () => {
      await store.saveToken({ id: "x", accessToken: "a" });
      const hello = await admin.db("admin").command({ hello: 1 });
      const others = (hello.hosts as string[]).filter((host) => host !== hello.primary).map(portOf);
      for (const port of others) await members!.freeze(port);
      try {
        const error = await store.saveToken({ id: "x", accessToken: "b" }).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true, uncertain: true });
      } finally {
        for (const port of others) await members!.thaw(port);
      }
      await primary();
      await expect
        .poll(() => store.saveToken({ id: "x", accessToken: "c" }), { timeout: 30_000 })
        .toBeTruthy();
    },
  );
});
