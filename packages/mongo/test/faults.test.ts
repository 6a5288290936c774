import { setTimeout as sleep } from "node:timers/promises";
import { MongoTokenStore } from "@tokenkeep/mongo";
import { MongoClient } from "mongodb";
import { getContainerRuntimeClient } from "testcontainers";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { describeOnEach, freshName } from "./servers.js";
import { TcpProxy } from "./tcp-proxy.js";

const TIMEOUT_MS = 1500;

await describeOnEach(({ url, name, container }) => {
  const address = new URL(url);
  let port = Number(address.port || 27017);
  const proxy = new TcpProxy(() => ({ host: address.hostname, port }));
  const proxied = new URL(url);
  let store: MongoTokenStore;
  beforeAll(async () => {
    proxied.hostname = "127.0.0.1";
    proxied.port = String(await proxy.listen());
  });
  beforeEach(() => {
    store = new MongoTokenStore({ url: proxied.href, collection: freshName(), timeoutMs: TIMEOUT_MS });
  });
  afterEach(() => store.close());
  afterAll(() => proxy.close());

  async function dockerContainer() {
    const { container: containers } = await getContainerRuntimeClient();
    return containers.getById(container!.getId());
  }

  /** The server gets another port when it is started again. */
  async function startAgain(stop: "stop" | "kill"): Promise<void> {
    const docker = await dockerContainer();
    await docker[stop]();
    await docker.start();
    const { NetworkSettings } = await docker.inspect();
    port = Number(NetworkSettings.Ports["27017/tcp"]![0]!.HostPort);
  }

  /** The call ends by its limit, not by the test's, with an error that may be tried again. */
  async function expectTypedEnd(call: () => Promise<unknown>): Promise<void> {
    await expect(call()).rejects.toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
  }

  /** Until the server is there again; the test's own limit ends it otherwise. */
  async function untilItWorks<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
        await sleep(50);
      }
    }
  }

  /** Saves one after the other while `fault` happens, and then asks for what was acknowledged. */
  async function saveThrough(fault: () => Promise<void>): Promise<void> {
    let acknowledged = (await store.saveToken({ id: "x", accessToken: "0" })).revision!;
    let isOver = false;
    const saving = (async () => {
      for (let i = 1; !isOver; i++) {
        try {
          acknowledged = (await store.saveToken({ id: "x", accessToken: `${i}` })).revision!;
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
        }
      }
    })();
    await sleep(200);
    await fault();
    isOver = true;
    await saving;
    const found = await untilItWorks(() => store.findTokenById("x"));
    expect(found!.revision).toBeGreaterThanOrEqual(acknowledged);
    expect((await store.saveToken({ id: "x", accessToken: "again" })).revision).toBe(found!.revision! + 1);
  }

  it("goes on after its connections were cut under it", async () => {
    await saveThrough(async () => {
      for (let i = 0; i < 5; i++) {
        proxy.cut();
        await sleep(100);
      }
    });
  });

  it("ends in time while the server can't be reached, and works again by itself", async () => {
    await store.saveToken({ id: "x", accessToken: "a" });
    await proxy.close();
    await expectTypedEnd(() => store.findTokenById("x"));
    await expectTypedEnd(() => store.saveToken({ id: "x", accessToken: "b" }));
    await proxy.listen();
    expect((await untilItWorks(() => store.findTokenById("x")))?.accessToken).toBe("a");
  });

  it("counts a save once whose reply was lost, and tells that it may have been done", async () => {
    await store.saveToken({ id: "x", accessToken: "a" });
    proxy.dropReplies(true);
    await expectTypedEnd(() => store.saveToken({ id: "x", refreshToken: "r" }));
    await expectTypedEnd(() => store.saveToken({ id: "new", refreshToken: "s" }));
    proxy.dropReplies(false);
    await untilItWorks(() => store.saveToken({ id: "new", refreshToken: "s" }));
    const tokens = await store.getTokens();
    expect(tokens.map(({ id }) => id)).toEqual(["x", "new"]);
    for (const { revision } of tokens) expect(revision).toBeLessThanOrEqual(2);
  });

  it.runIf(container !== undefined)("ends in time while the server is frozen", async () => {
    await store.saveToken({ id: "x", accessToken: "a" });
    const frozen = await dockerContainer();
    await frozen.pause();
    try {
      await expectTypedEnd(() => store.findTokenById("x"));
      await expectTypedEnd(() => store.saveToken({ id: "x", accessToken: "b" }));
    } finally {
      await frozen.unpause();
    }
    await untilItWorks(() => store.saveToken({ id: "x", accessToken: "c" }));
    expect((await store.findTokenById("x"))?.accessToken).toBe("c");
  });

  it.runIf(container !== undefined)("has what was acknowledged after the server was restarted", async () => {
    await saveThrough(() => startAgain("stop"));
  });

  it.runIf(container !== undefined && name !== "ferretdb")("survives a kill of the server", async () => {
    await saveThrough(() => startAgain("kill"));
  });

  it.runIf(name === "mongodb-replica-set")("survives that the primary steps down", async () => {
    await saveThrough(async () => {
      const client = new MongoClient(url);
      // the connection may end before the answer comes
      await client
        .db("admin")
        .command({ replSetStepDown: 2, force: true })
        .catch(() => {});
      await client.close();
      await sleep(3000);
    });
  });
});
