import { setTimeout as sleep } from "node:timers/promises";
import { startProxy } from "@tokenkeep/conformance";
import { describeOn, describeOnServer, startBare } from "@tokenkeep/test-servers";
import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { errorOf, freshNamespace, until } from "./support/helpers.js";

const user = { userSignature: { name: "ann" }, clientId: "c" };

await describeOnServer("redis", async ({ url, container }) => {
  const { hostname, port } = new URL(url);
  const proxy = await startProxy(hostname, Number(port || 6379));
  afterAll(() => proxy.close());
  const through = `redis://127.0.0.1:${proxy.port}`;

  // The kit does the same with the client of the store. Here the client is the caller's, with the defaults of ioredis.
  it("over a caller's default client, a save whose reply was lost does not undo what came after it", async () => {
    const namespace = freshNamespace();
    const client = new Redis(through);
    client.on("error", () => {});
    await using store = new RedisTokenStore({ client, namespace });
    await using other = new RedisTokenStore({ url, namespace });
    const first = await store.saveToken({ ...user, refreshToken: "r1", accessToken: "a1" });
    proxy.loseReply();
    const saving = store.saveToken(first.with({ accessToken: "a2" }));
    const outcome = saving.then(
      () => undefined,
      (error) => error,
    );
    await until(async () => (await other.findToken(user))?.accessToken === "a2", "the save");
    await other.saveToken({ ...user, refreshToken: "r2", accessToken: "a3" });
    proxy.restore();
    expect(await outcome).toMatchObject({ code: "ERR_UNAVAILABLE", uncertain: true });
    await sleep(500); // nothing comes late
    expect(await other.getTokens()).toMatchObject([{ refreshToken: "r2", accessToken: "a3", revision: 3 }]);

    proxy.loseReply(1); // the find's reply gets through, the insert's does not
    const inserting = store.saveToken({ refreshToken: "inserted" }).catch(() => {});
    await until(async () => (await other.findToken({ refreshToken: "inserted" })) !== null, "the insert");
    const { id } = (await other.findToken({ refreshToken: "inserted" })) ?? {};
    await other.deleteToken(id ?? "");
    proxy.restore();
    await inserting;
    await sleep(500);
    expect(await other.getTokens()).toHaveLength(1);
    client.disconnect();
  });

  it("a call that failed for want of a connection is never sent", async () => {
    const namespace = freshNamespace();
    const client = new Redis(through, { maxRetriesPerRequest: null }); // keeps commands for ever
    client.on("error", () => {});
    await using far = new RedisTokenStore({ client, namespace, timeoutMs: 1000 });
    await using near = new RedisTokenStore({ url, namespace });
    await far.saveToken({ ...user, refreshToken: "r" });
    proxy.stop();
    const error = await errorOf(far.deleteTokens());
    expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true, uncertain: false });
    expect(error.message).toContain("Nothing was sent");
    proxy.restore();
    await until(() => far.findToken(user).then(Boolean, () => false), "a find");
    expect(await near.getTokens()).toHaveLength(1);
    client.disconnect();
  });

  it("nobody listens: each call ends with advice, and a password is never shown", async () => {
    await using store = new RedisTokenStore({
      url: "redis://ann:pass-word-of-ann@127.0.0.1:1",
      timeoutMs: 700,
    });
    const error = await errorOf(store.saveToken({ ...user, refreshToken: "r" }));
    expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true, uncertain: false });
    expect(error.message).toContain("ECONNREFUSED");
    expect(`${error.message} ${String(error.cause)} ${error.stack}`).not.toContain("pass-word-of-ann");
  });

  it("rediss:// to a server without TLS: the message mentions TLS", async () => {
    const { host } = new URL(url);
    await using store = new RedisTokenStore({ url: `rediss://${host}`, timeoutMs: 2500 });
    const error = await errorOf(store.findToken(user));
    expect(error).toMatchObject({ code: "ERR_UNAVAILABLE", retryable: true });
    expect(error.message).toContain("does the server speak TLS");
  });

  it.runIf(container !== undefined)("a server that evicts keys: one warning", async () => {
    const admin = new Redis(url);
    const warnings: Error[] = [];
    const listener = (warning: Error) => void warnings.push(warning);
    process.on("warning", listener);
    try {
      await admin.config("SET", "maxmemory-policy", "allkeys-lru");
      for (let i = 0; i < 2; i++) {
        await using store = new RedisTokenStore({ url, namespace: freshNamespace() });
        await store.getTokens();
      }
      await sleep(10);
      const ours = warnings.filter(
        (warning) => "code" in warning && warning.code === "TOKENKEEP_REDIS_EVICTION",
      );
      expect(ours).toHaveLength(1);
      expect(ours[0]?.message).toContain("allkeys-lru");
    } finally {
      process.off("warning", listener);
      await admin.config("SET", "maxmemory-policy", "noeviction");
      admin.disconnect();
    }
  });
});

const [FIRST, SECOND] = [7001, 7002] as const;

await describeOn(
  "redis-moved",
  () => startBare("redis", [FIRST, SECOND]),
  ({ nodes, run }) => {
    it("a master that moved behind its host name: saves go on, and finds are never stale", async () => {
      for (const port of [FIRST, SECOND]) {
        await run(`redis-server --port ${port} --protected-mode no --save '' --daemonize yes`);
        await until(async () => (await run(`redis-cli -p ${port} ping`)).includes("PONG"), "a server");
      }
      // The proxy stands for the host name.
      let target = nodes[0]!;
      const name = await startProxy(target.host, () => target.port);
      const url = `redis://127.0.0.1:${name.port}`;
      const namespace = freshNamespace();
      const client = new Redis(url);
      await using own = new RedisTokenStore({ url, namespace });
      await using given = new RedisTokenStore({ client, namespace });
      let token = await own.saveToken({ ...user, refreshToken: "r1" });
      await given.findToken(user);
      const replicaOf = (port: number, master: string) => run(`redis-cli -p ${port} replicaof ${master}`);
      await replicaOf(SECOND, `127.0.0.1 ${FIRST}`);
      const isSynced = async () =>
        (await run(`redis-cli -p ${SECOND} info replication`)).includes("master_link_status:up");
      await until(isSynced, "the replica");
      // The old master keeps its connections open.
      await replicaOf(SECOND, "no one");
      await replicaOf(FIRST, `127.0.0.1 ${SECOND}`);
      target = nodes[1]!;
      for (const store of [own, given]) {
        expect(await store.findToken(user)).toMatchObject({ revision: token.revision });
        token = await store.saveToken({ ...user, refreshToken: `r${(token.revision ?? 0) + 1}` });
      }
      expect(token.revision).toBe(3);
      await using direct = new RedisTokenStore({ url: `redis://${target.host}:${target.port}`, namespace });
      expect(await direct.getTokens()).toMatchObject([{ refreshToken: "r3", revision: 3 }]);
      client.disconnect();
      await name.close();
    });
  },
);
