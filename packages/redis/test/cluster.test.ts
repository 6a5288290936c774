import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { describeOn, KINDS, startCluster } from "@tokenkeep/test-servers";
import { Cluster } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { keysIn } from "../src/schema.js";
import { errorOf, freshNamespace } from "./support/helpers.js";
import { freezeServer, killServer, lostOf, saveThrough } from "./support/loss-of-master.js";

for (const kind of KINDS) {
  await describeOn(
    `${kind}-cluster`,
    () => startCluster(kind),
    (topology) => {
      const { nodes, natMap, run } = topology;
      const connect = (keyPrefix = "") => {
        const client = new Cluster(nodes, { natMap, keyPrefix });
        client.on("error", () => {});
        return client;
      };
      const client = connect();
      afterAll(() => client.disconnect());

      async function masterOf(namespace: string, askPort: number): Promise<number> {
        const slot = Number(
          await run(`redis-cli -p ${askPort} cluster keyslot '${keysIn(namespace).records}'`),
        );
        for (const line of (await run(`redis-cli -p ${askPort} cluster nodes`)).split("\n")) {
          const [, address = "", flags = "", , , , , , ...ranges] = line.trim().split(" ");
          if (!flags.includes("master") || flags.includes("fail")) continue;
          const isOurs = ranges.some((range) => {
            const [from = "", to = from] = range.split("-");
            return slot >= Number(from) && slot <= Number(to);
          });
          if (isOurs) return Number(/:(\d+)@/.exec(address)?.[1]);
        }
        return 0;
      }

      it("many namespaces spread over the masters", async () => {
        const masters = new Set<number>();
        for (let i = 0; i < 40 && masters.size < 3; i++) masters.add(await masterOf(`tenant-${i}`, 7001));
        expect(masters.size).toBe(3);
      });

      it.each(["app:", "{app}:", "a{b"])("a keyPrefix of the Cluster's client: %s", async (keyPrefix) => {
        const prefixed = connect(keyPrefix);
        const store = new RedisTokenStore({ client: prefixed, namespace: freshNamespace() });
        await store.saveToken({ userSignature: { name: "ann" }, refreshToken: "r" });
        expect(await store.withLock("k", (lease) => lease.fence)).toBeGreaterThan(0);
        expect(await store.findToken({ refreshToken: "r" })).toMatchObject({ revision: 1 });
        await store.close();
        expect(await prefixed.ping()).toBe("PONG");
        prefixed.disconnect();
      });

      it("the rights that the README lists are enough", async () => {
        const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
        const [, common = "", more = ""] =
          /`(\+evalsha[^`]*)`, and in a Cluster `([^`]*)`/.exec(readme) ?? [];
        const rights = `${common} ${more}`.replace(/\s+/g, " ");
        const rule = `ACL SETUSER app reset on '>pass-word' '~{tokenkeep:*' ${rights.replaceAll("|", "\\|")}`;
        for (let port = 7001; port <= 7006; port++) await run(`redis-cli -p ${port} ${rule}`);
        const redisOptions = { username: "app", password: "pass-word" };
        const limited = new Cluster(nodes, { natMap, redisOptions });
        const store = new RedisTokenStore({ client: limited, namespace: freshNamespace(), waitReplicas: 1 });
        const { id } = await store.saveToken({ userSignature: { name: "ann" }, refreshToken: "r" });
        expect(await store.findToken({ refreshToken: "r" })).toMatchObject({ id });
        expect(await store.withLock("k", (lease) => lease.fence)).toBeGreaterThan(0);
        await store.deleteTokens();
        expect(await store.getTokens()).toEqual([]);
        await store.close();
        await expect(limited.set("elsewhere", "1")).rejects.toThrowError("NOPERM");
        limited.disconnect();
      });

      it("a client that reads from replicas: a find sees the save before it all the same", async () => {
        const scaled = new Cluster(nodes, { natMap, scaleReads: "slave" });
        const store = new RedisTokenStore({ client: scaled, namespace: freshNamespace() });
        const token = { userSignature: { name: "ann" }, clientId: "c" };
        for (let i = 0; i < 200; i++) {
          const saved = await store.saveToken({ ...token, accessToken: `a${i}` });
          expect(await store.findToken(token)).toEqual(saved);
        }
        await store.close();
        scaled.disconnect();
      });

      it("a save waits for the replica of its own master, wherever its slot is", async () => {
        for (let i = 0; i < 6; i++) {
          const store = new RedisTokenStore({ client, namespace: freshNamespace(), waitReplicas: 1 });
          expect(await store.saveToken({ refreshToken: "r" })).toMatchObject({ revision: 1 });
          await store.close();
        }
        await using store = new RedisTokenStore({
          client,
          namespace: freshNamespace(),
          waitReplicas: 2,
          timeoutMs: 3000,
        });
        expect((await errorOf(store.saveToken({ refreshToken: "r" }))).message).toContain(
          "only 1 of 2 replicas",
        );
      });

      it("the master of our slot killed under load: with waitReplicas 1 no acknowledged save is lost", async () => {
        const namespace = freshNamespace();
        const timeoutMs = 5000;
        await using store = new RedisTokenStore({ client, namespace, waitReplicas: 1, timeoutMs });
        const killed = await masterOf(namespace, 7001);
        const witness = killed === 7001 ? 7002 : 7001;
        const { acknowledged } = await saveThrough(store, timeoutMs, {
          happens: () => killServer(topology, killed),
          isOver: async () => ![0, killed].includes(await masterOf(namespace, witness)),
          comeBack: () => topology.startAgain(killed, witness),
        });
        expect(await lostOf(store, acknowledged)).toEqual([]);
      });

      it("the master of our slot frozen past the time limit: calls end in time, work goes on, nothing is lost", async () => {
        const namespace = freshNamespace();
        const timeoutMs = 1500;
        await using store = new RedisTokenStore({ client, namespace, waitReplicas: 1, timeoutMs });
        const frozen = await masterOf(namespace, 7001);
        const witness = frozen === 7001 ? 7002 : 7001;
        let thaw = async () => {};
        const { acknowledged, failed } = await saveThrough(store, timeoutMs, {
          happens: async () => {
            thaw = await freezeServer(topology, frozen);
            await sleep(2 * timeoutMs);
          },
          isOver: async () => ![0, frozen].includes(await masterOf(namespace, witness)),
          comeBack: () => thaw(),
        });
        expect(failed).toBeGreaterThan(0);
        expect(await lostOf(store, acknowledged)).toEqual([]);
      });
    },
  );
}
