// What happens to a client or to a whole server. What happens on the way to it is in the kit: see `disruptions` in
// store.mjs.
import { lookup } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { startProxy } from "@tokenkeep/conformance";
import { MongoTokenStore, type MongoTokenStoreOptions } from "@tokenkeep/mongo";
import {
  describeOn,
  describeOnServer,
  ServerNotAvailable,
  startServer,
  type TestServer,
} from "@tokenkeep/test-servers";
import { type CommandStartedEvent, MongoClient, type MongoClientOptions } from "mongodb";
import { getContainerRuntimeClient } from "testcontainers";
import { afterAll, afterEach, expect, it } from "vitest";
import { saveThrough, untilItWorks } from "./load.js";
import { freshName, isSingleServer } from "./support.js";

const TIMEOUT_MS = 2000;
const LONG = 90_000;

await describeOnServer("ferretdb", disruptionsOf);
await describeOn("mongodb-standalone", startStandalone, disruptionsOf);

/** MONGODB_URL may name a replica set: what happens to that is in failover.test.ts. */
async function startStandalone(): Promise<TestServer> {
  const server = await startServer("mongodb");
  if (isSingleServer(server.url)) return server;
  await server.stop();
  throw new ServerNotAvailable(
    "mongodb-standalone was NOT RUN: MONGODB_URL names a replica set. Set it to the URL of a standalone server.",
  );
}

/** Asks with a client of its own, and does not wait for its end: one that met the end of a server may never close. */
async function answers(url: string): Promise<boolean> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 1000 });
  const ping = client.db().command({ ping: 1 });
  const isUp = await Promise.race([
    ping.then(
      () => true,
      () => false,
    ),
    sleep(2000, false),
  ]);
  client.close().catch(() => {});
  return isUp;
}

async function disruptionsOf({ url, container }: TestServer): Promise<void> {
  const address = new URL(url);
  let port = Number(address.port || 27017);
  // Docker gives a container one port for IPv4 and another for IPv6, and new ones when it is started again.
  const { address: ip, family } = await lookup(address.hostname.replace(/^\[|\]$/g, ""));
  const proxy = await startProxy(ip, () => port);
  address.hostname = "127.0.0.1";
  address.port = String(proxy.port);
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    proxy.restore();
    for (const one of opened.splice(0).reverse()) await one.close();
  });
  afterAll(() => proxy.close());

  function openStore(options: MongoTokenStoreOptions = { url: address.href }): MongoTokenStore {
    const store = new MongoTokenStore({ collection: freshName(), timeoutMs: TIMEOUT_MS, ...options });
    opened.push(store);
    return store;
  }
  /** A client as a program has it, with the driver's own options: it resends writes, and waits 30 s for a server. */
  function openClient(options: MongoClientOptions = {}): MongoClient {
    const client = new MongoClient(address.href, { monitorCommands: true, ...options });
    opened.push(client);
    return client;
  }

  async function dockerContainer() {
    const { container: containers } = await getContainerRuntimeClient();
    return containers.getById(container!.getId());
  }

  async function startAgain(end: "stop" | "kill"): Promise<void> {
    const docker = await dockerContainer();
    await docker[end]();
    for (let isUp = false; !isUp; ) {
      // FerretDB's image ends by itself if PostgreSQL takes longer to recover from a kill.
      if (!(await docker.inspect()).State.Running) await docker.start();
      const { NetworkSettings } = await docker.inspect();
      const bindings = NetworkSettings.Ports["27017/tcp"] ?? [];
      const binding = bindings.find(({ HostIp }) => HostIp.includes(":") === (family === 6)) ?? bindings[0];
      port = Number(binding?.HostPort);
      isUp = await answers(address.href);
    }
  }

  it("works on a client whose own first operation failed, once the server is there", async () => {
    proxy.stop();
    const client = openClient({ serverSelectionTimeoutMS: 200 });
    await expect(client.db().command({ ping: 1 })).rejects.toThrow();
    const store = openStore({ client });
    await expect(store.findTokenById("x")).rejects.toMatchObject({
      code: "ERR_UNAVAILABLE",
      uncertain: false,
    });
    proxy.restore();
    await untilItWorks(() => store.saveToken({ id: "x", accessToken: "a" }));
    expect(await store.findTokenById("x")).toMatchObject({ revision: 1 });
  });

  it("resolves a save over a caller's client whose reply was lost, and counts it once", async () => {
    const client = openClient();
    const store = openStore({ client, timeoutMs: 20_000 }); // such a client looks for its server every 10 seconds
    await store.saveToken({ id: "x", accessToken: "a" });
    const sent: string[] = [];
    let lost = "";
    client.on("commandStarted", ({ commandName }: CommandStartedEvent) => {
      if (/^(update|insert)$/.test(commandName)) sent.push(commandName);
      if (commandName !== lost) return;
      lost = "";
      proxy.loseReply();
      setTimeout(() => proxy.restore(), 500);
    });
    for (const [command, tokenOf, revision] of [
      ["update", () => ({ id: "x", refreshToken: "r" }), 2],
      ["update", async () => (await store.findTokenById("x"))!.with({ scope: "s" }), 3],
      ["insert", () => ({ id: "new", refreshToken: "s" }), 1],
    ] as const) {
      const token = await tokenOf();
      lost = command;
      sent.length = 0;
      expect((await store.saveToken(token)).revision).toBe(revision);
      expect(lost).toBe("");
      expect(sent).toEqual([command]);
    }
    expect(await store.getTokens()).toMatchObject([
      { refreshToken: "r", scope: "s", revision: 3 },
      { revision: 1 },
    ]);
  });

  it("ends calls in time over a caller's client with the driver's own limits, and sends nothing late", async () => {
    const client = openClient({ maxPoolSize: 1 });
    const store = openStore({ client });
    await store.saveToken({ id: "x", accessToken: "a" });
    proxy.freeze(); // the one connection waits for an answer, and everybody else for that connection
    const start = performance.now();
    const calls = ["b", "c", "d"].map((accessToken) => store.saveToken({ id: "x", accessToken }));
    for (const result of await Promise.allSettled([...calls, store.findTokenById("x")])) {
      expect(result).toMatchObject({
        status: "rejected",
        reason: { code: "ERR_UNAVAILABLE", retryable: true },
      });
    }
    expect(performance.now() - start).toBeLessThan(TIMEOUT_MS + 2000);
    const sent: string[] = [];
    client.on("commandStarted", ({ commandName }: CommandStartedEvent) => sent.push(commandName));
    proxy.restore();
    await sleep(1500);
    expect(sent.filter((name) => name !== "hello" && name !== "endSessions")).toEqual([]);
    await untilItWorks(() => store.saveToken({ id: "x", accessToken: "e" }));
  });

  // As after the end of a server, only more often. Without the heartbeats of options.ts a client is lost in every
  // third round.
  it("comes back each time that all its connections end at once", { timeout: 2 * LONG }, async () => {
    const store = openStore();
    await store.saveToken({ id: "x", accessToken: "a" });
    let found = 0;
    let isOver = false;
    const callers = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        await untilItWorks(() => store.findTokenById("x"));
        found++;
      }
    });
    for (let round = 0; round < 6; round++) {
      await sleep(1100); // no heartbeat is brought forward by more than the driver's shortest pause, 500 ms
      proxy.cut();
      const before = found;
      await expect.poll(() => found, { timeout: 20_000 }).toBeGreaterThan(before + 20);
    }
    isOver = true;
    await Promise.all(callers);
  });

  const itOnContainer = it.runIf(container !== undefined);

  itOnContainer("ends in time while the server is frozen", { timeout: LONG }, async () => {
    const store = openStore();
    await store.saveToken({ id: "x", accessToken: "a" });
    const frozen = await dockerContainer();
    await frozen.pause();
    try {
      for (const call of [
        () => store.findTokenById("x"),
        () => store.saveToken({ id: "x", accessToken: "b" }),
      ]) {
        const start = performance.now();
        await expect(call()).rejects.toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
        expect(performance.now() - start).toBeLessThan(TIMEOUT_MS + 2000);
      }
    } finally {
      await frozen.unpause();
    }
    await untilItWorks(() => store.saveToken({ id: "x", accessToken: "c" }));
    expect((await store.findTokenById("x"))?.accessToken).toBe("c");
  });

  for (const end of ["stop", "kill"] as const) {
    itOnContainer(
      `has what was acknowledged while the server was ended by ${end} and started`,
      { timeout: LONG },
      () => saveThrough(openStore(), TIMEOUT_MS, () => startAgain(end)),
    );
  }
}
