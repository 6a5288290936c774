import { describeOn, KINDS, startBare } from "@tokenkeep/test-servers";
import { expect, it } from "vitest";
import { RedisTokenStore } from "../src/index.js";
import { freshNamespace, until } from "./support/helpers.js";
import { killServer, lostOf } from "./support/loss-of-master.js";

const PORT = 7001;

// The README's table, as far as a test can go: what is lost when the server's process is killed.
for (const kind of KINDS) {
  await describeOn(
    `${kind}-killed`,
    () => startBare(kind, [PORT]),
    (topology) => {
      const { url } = topology;

      async function startServer(flags: string): Promise<void> {
        // `save ''`: no snapshot but the one that a test takes
        const common = `--port ${PORT} --dir /data/${PORT} --protected-mode no --save '' --daemonize yes`;
        await topology.run(`redis-server ${common} ${flags}`);
        const answers = async () => (await topology.run(`redis-cli -p ${PORT} ping`)).includes("PONG");
        await until(answers, "an answer of the server");
      }

      /**
       * Saves from four callers for a while, kills the server in the middle of it, and starts it again.
       * @returns when that was, and when the saves had resolved that are gone
       */
      async function lostInAKill(flags: string, whileSaving: () => Promise<unknown>) {
        await topology.run(`rm -rf /data/${PORT}; mkdir -p /data/${PORT}`);
        await startServer(flags);
        await using store = new RedisTokenStore({ url, namespace: freshNamespace(), timeoutMs: 2000 });
        const acknowledged = new Map<string, number>();
        let isDown = false;
        const caller = async (name: string) => {
          for (let i = 0; !isDown; i++) {
            const refreshToken = `${name}${i}`;
            await store.saveToken({ refreshToken }).then(
              () => acknowledged.set(refreshToken, performance.now()),
              (error) => expect(error).toMatchObject({ name: "TokenStoreError", retryable: true }),
            );
          }
        };
        const callers = Promise.all(["a", "b", "c", "d"].map(caller));
        await until(async () => acknowledged.size > 100, "saves");
        await whileSaving();
        const before = acknowledged.size;
        await until(async () => acknowledged.size > before + 100, "more saves");
        await killServer(topology, PORT);
        const killedAt = performance.now();
        isDown = true;
        await startServer(flags);
        await callers;
        const lost = await lostOf(store, [...acknowledged.keys()]);
        await killServer(topology, PORT);
        return { killedAt, lost: lost.map((token) => acknowledged.get(token) ?? 0) };
      }

      it("appendonly yes, appendfsync always: nothing that was acknowledged", async () => {
        const { lost } = await lostInAKill("--appendonly yes --appendfsync always", async () => {});
        expect(lost).toEqual([]);
      });

      it("appendonly yes, appendfsync everysec: at most the last two seconds", async () => {
        const work = () => new Promise((resolve) => setTimeout(resolve, 3000));
        const { lost, killedAt } = await lostInAKill("--appendonly yes --appendfsync everysec", work);
        expect(lost.filter((time) => time < killedAt - 2000)).toEqual([]);
      });

      it("appendonly no: what came after the last snapshot", async () => {
        let snapshotAt = 0;
        const { lost } = await lostInAKill("--appendonly no", async () => {
          snapshotAt = performance.now();
          await topology.run(`redis-cli -p ${PORT} save`);
        });
        expect(lost.length).toBeGreaterThan(100);
        expect(lost.filter((time) => time < snapshotAt)).toEqual([]);
      });
    },
  );
}
