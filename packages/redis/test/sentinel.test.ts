import { setTimeout as sleep } from "node:timers/promises";
import { describeOn, KINDS, startSentinels } from "@tokenkeep/test-servers";
import { expect, it, vi } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { freshNamespace, until } from "./support/helpers.js";
import { freezeServer, killServer, lostOf, saveThrough } from "./support/loss-of-master.js";

// A Sentinel that was stopped, or that the machine left no time, does nothing for 30 s:
// https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#tilt-mode
vi.setConfig({ testTimeout: 300_000 });

for (const kind of KINDS) {
  await describeOn(
    `${kind}-sentinel`,
    () => startSentinels(kind),
    (topology) => {
      const { nodes: sentinels, natMap, run } = topology;

      async function masterPort(): Promise<number> {
        const answer = await run("redis-cli -p 7101 sentinel get-master-addr-by-name tokens");
        return Number(answer.trim().split(/\s+/).at(-1));
      }

      /**
       * Without all replicas online, a failover may choose one that has nothing yet. The master is asked for anew each
       * time: where the machine leaves a server no time for a second, Sentinel makes another one the master.
       */
      async function mastersReplicasOnline(): Promise<number> {
        let port = 0;
        await until(async () => {
          port = await masterPort();
          const replication = await run(`redis-cli -p ${port} info replication`);
          return replication.includes("role:master") && replication.match(/state=online/g)?.length === 2;
        }, "a master with two replicas");
        return port;
      }

      it("a failover under load: with waitReplicas 2 no acknowledged save is lost, and fences grow", async () => {
        const namespace = freshNamespace();
        const timeoutMs = 5000;
        const options = { clientOptions: { sentinels, name: "tokens", natMap }, namespace, timeoutMs };
        await using store = new RedisTokenStore({ ...options, waitReplicas: 2 });
        const fence = await store.withLock("k", (lease) => lease.fence);
        const killed = await mastersReplicasOnline();
        const { acknowledged } = await saveThrough(store, timeoutMs, {
          happens: () => killServer(topology, killed),
          isOver: async () => (await masterPort()) !== killed,
          comeBack: async () => topology.startAgain(killed, await masterPort()),
        });
        expect(await lostOf(store, acknowledged)).toEqual([]);
        expect(await store.withLock("k", (lease) => lease.fence)).toBeGreaterThan(fence);
      });

      it("one frozen Sentinel of three, the first in the list: the store connects", async () => {
        const pid = (await run("redis-cli -p 7101 info server")).match(/process_id:(\d+)/)?.[1];
        await run(`kill -STOP ${pid}`);
        try {
          const clientOptions = { sentinels, name: "tokens", natMap };
          await using store = new RedisTokenStore({
            clientOptions,
            namespace: freshNamespace(),
            timeoutMs: 5000,
          });
          expect(await store.saveToken({ refreshToken: "r" })).toMatchObject({ revision: 1 });
        } finally {
          await run(`kill -CONT ${pid}`);
        }
      });

      it("a master frozen past the time limit: calls end in time, work goes on, nothing is lost", async () => {
        const namespace = freshNamespace();
        const timeoutMs = 1500;
        const options = { clientOptions: { sentinels, name: "tokens", natMap }, namespace, timeoutMs };
        // Both: a failover may choose either replica.
        await using store = new RedisTokenStore({ ...options, waitReplicas: 2 });
        const frozen = await mastersReplicasOnline();
        let thaw = async () => {};
        const { acknowledged, failed } = await saveThrough(store, timeoutMs, {
          happens: async () => {
            thaw = await freezeServer(topology, frozen);
            await sleep(2 * timeoutMs);
          },
          isOver: async () => (await masterPort()) !== frozen,
          comeBack: () => thaw(),
        });
        expect(failed).toBeGreaterThan(0);
        expect(await lostOf(store, acknowledged)).toEqual([]);
      });
    },
  );
}
