// A replica set that loses its primary.
import { setTimeout as sleep } from "node:timers/promises";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { type CommandStartedEvent, MongoClient } from "mongodb";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import { saveThrough } from "./load.js";
import { proxied } from "./proxied.js";
import { describeOnReplicaSet } from "./replica-set.js";
import { freshName } from "./servers.js";

const TIMEOUT_MS = 5000;
const LONG = 120_000;

await describeOnReplicaSet(async ({ name, url, members }) => {
  // longer than stepping down takes; without a limit a question to a frozen primary waits until it is thawed
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
      // a primary that steps down longer than it waits for a secondary to catch up, which is 10 s by default:
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

  // the driver sends the write again under the same number, and the server knows that it was done:
  // https://www.mongodb.com/docs/v8.0/core/retryable-writes/
  it("counts a save once whose reply was lost, and needs no second call", { timeout: LONG }, async () => {
    // the same user and options, and only the primary
    const direct = url
      .replace(/^(mongodb:\/\/(?:[^/]*@)?)[^/]*/, `$1${await primary()}`)
      .replace(/replicaSet=[^&]*/i, "directConnection=true");
    const way = (await proxied({ name, url: direct, container: undefined, stop: async () => {} }))!;
    const client = new MongoClient(way.url, { monitorCommands: true });
    const own = new MongoTokenStore({ client, collection: freshName() });
    await own.saveToken({ id: "x", accessToken: "a" });
    let lost = "";
    client.on("commandStarted", ({ commandName }: CommandStartedEvent) => {
      if (commandName !== lost) return;
      lost = "";
      way.loseReply();
    });
    lost = "update";
    expect((await own.saveToken({ id: "x", refreshToken: "r" })).revision).toBe(2);
    expect(lost).toBe("");
    lost = "insert";
    expect((await own.saveToken({ id: "new", refreshToken: "s" })).revision).toBe(1);
    expect(lost).toBe("");
    expect(await own.getTokens()).toMatchObject([{ revision: 2 }, { revision: 1 }]);
    await own.close();
    await client.close();
    await way.close();
  });

  // https://www.mongodb.com/docs/v8.0/reference/write-concern/: with too few members a majority is never
  // reached, and wtimeout ends the wait. The write itself is done, and may be rolled back.
  it.runIf(members !== undefined)(
    "does not call saved what only a minority has",
    { timeout: LONG },
    async () => {
      await store.saveToken({ id: "x", accessToken: "a" });
      const hello = await admin.db("admin").command({ hello: 1 });
      const others = (hello.hosts as string[]).filter((host) => host !== hello.primary).map(portOf);
      for (const port of others) await members!.freeze(port);
      try {
        const error = await store.saveToken({ id: "x", accessToken: "b" }).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
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
