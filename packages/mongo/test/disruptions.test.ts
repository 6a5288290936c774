// What happens to a whole server. What happens on the way to it is in the kit: see `faults` in store.mjs.
import { lookup } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { startProxy } from "@tokenkeep/conformance";
import { MongoTokenStore } from "@tokenkeep/mongo";
import {
  describeOn,
  describeOnServer,
  ServerNotAvailable,
  startServer,
  type TestServer,
} from "@tokenkeep/test-servers";
import { type CommandStartedEvent, MongoClient } from "mongodb";
import { getContainerRuntimeClient } from "testcontainers";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import { saveThrough, untilItWorks } from "./load.js";
import { proxied, staysOnItsWay } from "./proxied.js";
import { freshName } from "./servers.js";
import { wayTo } from "./way.js";

const TIMEOUT_MS = 1500;
const LONG = 60_000;

await describeOnServer("ferretdb", faultsOf);
await describeOn("mongodb-standalone", startStandalone, faultsOf);

/** MONGODB_URL may name a replica set: what happens to that is in failover.test.ts. */
async function startStandalone(): Promise<TestServer> {
  const server = await startServer("mongodb");
  if (staysOnItsWay(server.url)) return server;
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

async function faultsOf(server: TestServer): Promise<void> {
  const { url, container } = server;
  const address = new URL(url);
  let port = Number(address.port || 27017);
  // Docker gives a container one port for IPv4 and another for IPv6, and new ones when it is started again
  const { address: ip, family } = await lookup(address.hostname);
  const proxy = await startProxy(ip, () => port);
  afterAll(() => proxy.close());
  address.hostname = "127.0.0.1";
  address.port = String(proxy.port);
  let store: MongoTokenStore;
  beforeEach(() => {
    store = new MongoTokenStore({ url: address.href, collection: freshName(), timeoutMs: TIMEOUT_MS });
  });
  afterEach(() => store.close());

  async function dockerContainer() {
    const { container: containers } = await getContainerRuntimeClient();
    return containers.getById(container!.getId());
  }

  async function startAgain(end: "stop" | "kill"): Promise<void> {
    const docker = await dockerContainer();
    await docker[end]();
    for (let isUp = false; !isUp; ) {
      // FerretDB's image ends by itself where PostgreSQL finds what a killed one left and takes a moment longer
      if (!(await docker.inspect()).State.Running) await docker.start();
      const { NetworkSettings } = await docker.inspect();
      const bindings = NetworkSettings.Ports["27017/tcp"] ?? [];
      const binding = bindings.find(({ HostIp }) => HostIp.includes(":") === (family === 6)) ?? bindings[0];
      port = Number(binding?.HostPort);
      isUp = await answers(address.href);
    }
  }

  it("tells of a save whose reply was lost that it may have been done, and counts it once", async () => {
    const way = (await proxied(server))!;
    const client = new MongoClient(way.url, { monitorCommands: true });
    const own = new MongoTokenStore({ client, collection: freshName() });
    await own.saveToken({ id: "x", accessToken: "a" });
    let lost = "";
    client.on("commandStarted", ({ commandName }: CommandStartedEvent) => {
      if (commandName !== lost) return;
      lost = "";
      way.loseReply();
    });
    for (const [command, token] of [
      ["update", { id: "x", refreshToken: "r" }],
      ["insert", { id: "new", refreshToken: "s" }],
    ] as const) {
      lost = command;
      // neither FerretDB nor a standalone mongod has retryable writes
      const error = await own.saveToken(token).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
      expect(lost).toBe("");
    }
    expect(await own.getTokens()).toMatchObject([
      { id: "x", refreshToken: "r", revision: 2 },
      { id: "new", revision: 1 },
    ]);
    expect((await own.saveToken({ id: "new", refreshToken: "s" })).revision).toBe(2);
    await own.close();
    await client.close();
    await way.close();
  });

  // As after the end of a server, only that it happens often. Without the heartbeats of options.ts a client is
  // lost in every third round.
  it("comes back each time that all its connections end at once", { timeout: 2 * LONG }, async () => {
    const way = await wayTo(url);
    const own = new MongoTokenStore({ url: way.url, collection: freshName(), timeoutMs: TIMEOUT_MS });
    await own.saveToken({ id: "x", accessToken: "a" });
    let found = 0;
    let isOver = false;
    const callers = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        await untilItWorks(() => own.findTokenById("x"));
        found++;
      }
    });
    for (let round = 0; round < 8; round++) {
      await sleep(1100); // a heartbeat is brought forward by no more than the driver's shortest pause, 500 ms
      for (const socket of way.sockets) socket.destroy();
      const before = found;
      await expect.poll(() => found, { timeout: 20_000 }).toBeGreaterThan(before + 20);
    }
    isOver = true;
    await Promise.all(callers);
    await own.close();
    await way.close();
  });

  it.runIf(container !== undefined)(
    "ends in time while the server is frozen",
    { timeout: LONG },
    async () => {
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
          expect(performance.now() - start).toBeLessThan(TIMEOUT_MS + 1000);
        }
      } finally {
        await frozen.unpause();
      }
      await untilItWorks(() => store.saveToken({ id: "x", accessToken: "c" }));
      expect((await store.findTokenById("x"))?.accessToken).toBe("c");
    },
  );

  it.runIf(container !== undefined)(
    "has what was acknowledged, saved while the server was stopped and started",
    { timeout: LONG },
    () => saveThrough(store, TIMEOUT_MS, () => startAgain("stop")),
  );

  it.runIf(container !== undefined)(
    "has what was acknowledged, saved while the server was killed (SIGKILL) and started",
    { timeout: LONG },
    () => saveThrough(store, TIMEOUT_MS, () => startAgain("kill")),
  );
}
