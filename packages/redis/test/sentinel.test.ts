import { expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { describeOn } from "./support/describe-on.js";
import { freshNamespace } from "./support/helpers.js";
import { killServer, lostOf, saveThrough } from "./support/loss-of-master.js";
import { KINDS, startSentinels } from "./support/topology.js";

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

      it("a failover under load: with waitReplicas 1 no acknowledged save is lost, and fences grow", async () => {
        const namespace = freshNamespace();
        const options = { sentinels, name: "tokens", natMap, namespace, timeoutMs: 5000 };
        await using store = new RedisTokenStore({ ...options, waitReplicas: 1 });
        const fence = await store.withLock("k", (lease) => lease.fence);
        const killed = await masterPort();
        const { acknowledged } = await saveThrough(store, {
          kill: () => killServer(topology, killed),
          isOver: async () => (await masterPort()) !== killed,
          comeBack: async () => {
            await run(
              `redis-server --port ${killed} --dir /data/${killed} --bind 0.0.0.0 --protected-mode no ` +
                `--appendonly yes --save '' --daemonize yes --replicaof 127.0.0.1 ${await masterPort()}`,
            );
          },
        });
        expect(await lostOf(store, acknowledged)).toEqual([]);
        expect(await store.withLock("k", (lease) => lease.fence)).toBeGreaterThan(fence);
      });
    },
  );
}
