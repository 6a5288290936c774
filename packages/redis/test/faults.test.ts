import { randomUUID } from "node:crypto";
import { type AddressInfo, connect, createServer } from "node:net";
import { describeOnServer } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { getContainerRuntimeClient } from "testcontainers";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { FaultyWay } from "./support/faulty-way.js";
import { errorOf, freshNamespace, until } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

await describeOnServer("redis", async ({ url, container }) => {
  const proxy = await FaultyWay.start(url);
  afterAll(() => proxy.stop());

  it.each([false, true])(
    "a save whose reply was lost counts once (resent by ioredis: %s)",
    async (resend) => {
      const namespace = freshNamespace();
      // without a resend the client never tells of the loss: the time limit does
      const timeoutMs = resend ? 10_000 : 500;
      const options = { url: proxy.url, namespace, timeoutMs, autoResendUnfulfilledCommands: resend };
      await using store = new RedisTokenStore(options);
      await store.saveToken({ ...user, refreshToken: "first" });
      const before = proxy.lost;
      const refreshToken = `second-${randomUUID()}`;
      proxy.loseReplyTo(refreshToken);
      const saving = store.saveToken({ ...user, refreshToken });
      if (resend) expect((await saving).revision).toBe(2);
      else expect(await errorOf(saving)).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
      expect(proxy.lost).toBe(before + 1);
      expect(await store.getTokens()).toMatchObject([{ refreshToken, revision: 2 }]);
    },
  );

  it("an insert whose reply was lost makes one record", async () => {
    await using store = new RedisTokenStore({ url: proxy.url, namespace: freshNamespace() });
    await store.findToken(user);
    const refreshToken = `only-${randomUUID()}`;
    proxy.loseReplyTo(refreshToken);
    const saved = await store.saveToken({ refreshToken });
    expect(await store.getTokens()).toMatchObject([{ id: saved.id, revision: 1 }]);
  });

  it.each(["its own client", "a client that keeps commands for ever"])(
    "a call that failed for want of a connection is not done later (%s)",
    async (kind) => {
      const server = new URL(url);
      const gate = createServer((socket) => {
        const through = connect(Number(server.port || 6379), server.hostname);
        socket
          .on("error", () => {})
          .pipe(through.on("error", () => {}))
          .pipe(socket);
      });
      const { port } = await new Promise<AddressInfo>((resolve) => {
        const probe = createServer().listen(0, "127.0.0.1", () => {
          const address = probe.address() as AddressInfo;
          probe.close(() => resolve(address));
        });
      });
      const namespace = freshNamespace();
      const client = kind.startsWith("its")
        ? undefined
        : new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: null }).on("error", () => {});
      const options = { namespace, timeoutMs: 1000 };
      await using away = new RedisTokenStore(
        client === undefined ? { ...options, url: `redis://127.0.0.1:${port}` } : { ...options, client },
      );
      const failed = await errorOf(away.deleteTokens());
      expect(failed.code).toBe("ERR_UNAVAILABLE");
      if (client === undefined) expect(failed.message).toContain("ECONNREFUSED");
      else expect(failed.message).toContain("not connected");
      await using near = new RedisTokenStore({ url, namespace });
      await near.saveToken({ ...user, refreshToken: "r" });
      gate.listen(port, "127.0.0.1");
      await until(async () => (await away.findToken(user).catch(() => null)) !== null, "connected");
      expect(await near.getTokens()).toHaveLength(1);
      client?.disconnect();
      await away.close();
      gate.close();
    },
  );

  it("connections that are cut under load lose nothing that was acknowledged", async () => {
    await using store = new RedisTokenStore({ url: proxy.url, namespace: freshNamespace() });
    const acknowledged: string[] = [];
    const calls = Array.from({ length: 200 }, async (_, i) => {
      if (i % 50 === 25) proxy.cut();
      await new Promise((resolve) => setTimeout(resolve, i));
      await store.saveToken({ refreshToken: `r${i}` }).then(
        () => acknowledged.push(`r${i}`),
        (error) => expect(error).toMatchObject({ name: "TokenStoreError", retryable: true }),
      );
    });
    setTimeout(() => proxy.cut(), 50);
    setTimeout(() => proxy.cut(), 120);
    await Promise.all(calls);
    const stored = (await store.getTokens()).map((token) => token.refreshToken);
    expect(acknowledged.filter((value) => !stored.includes(value))).toEqual([]);
    expect(new Set(stored).size).toBe(stored.length);
  });

  it("a connection that nobody answers on any more is made anew", async () => {
    await using store = new RedisTokenStore({ url: proxy.url, namespace: freshNamespace(), timeoutMs: 500 });
    await store.saveToken({ ...user, refreshToken: "r" });
    proxy.strand();
    const start = performance.now();
    expect(await errorOf(store.findToken(user))).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
    const found = async () => (await store.findToken(user).catch(() => null))?.refreshToken === "r";
    await until(found, "a find on a new connection");
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it("nobody listens: each call ends with advice, and a password is never told", async () => {
    const nowhere = "redis://ann:pass-word-of-ann@127.0.0.1:1";
    await using store = new RedisTokenStore({ url: nowhere, timeoutMs: 700, maxRetriesPerRequest: 1 });
    const error = await errorOf(store.findToken(user));
    expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
    expect(error.message).toContain("ECONNREFUSED");
    expect(`${error.message} ${String(error.cause)} ${error.stack}`).not.toContain("pass-word-of-ann");
  });

  it.runIf(container !== undefined)(
    "a frozen server: calls end in time, and work goes on once it is awake",
    async () => {
      const namespace = freshNamespace();
      await using store = new RedisTokenStore({ url, namespace, timeoutMs: 600 });
      await store.saveToken({ ...user, refreshToken: "before" });
      const docker = (await getContainerRuntimeClient()).container.dockerode.getContainer(container!.getId());
      await docker.pause();
      try {
        const errors = await Promise.all([
          errorOf(store.findToken(user)),
          errorOf(store.saveToken({ ...user, accessToken: "a" })),
          errorOf(store.withLock("k", () => {})),
        ]);
        for (const error of errors) expect(error.retryable).toBe(true);
      } finally {
        await docker.unpause();
      }
      await until(
        () =>
          store.findToken(user).then(
            (token) => token?.refreshToken === "before",
            () => false,
          ),
        "a find after the server woke up",
      );
      await store.saveToken({ ...user, accessToken: "b" });
      expect(await store.getTokens()).toMatchObject([{ accessToken: "b" }]);
    },
  );
});
