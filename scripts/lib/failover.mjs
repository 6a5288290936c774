// Kills masters of a Redis Cluster or behind Sentinel, for a soak. The servers run in one container, each at a port.
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 120_000;
/** For how long replication is broken before a master dies, every other time. */
const BROKEN_MS = 300;

/**
 * A disruption for the kit: the master that has our records is killed, and another server takes its place. The killed
 * one comes back as its replica. Every other time, replication breaks shortly before: what the master acknowledges
 * then, no replica has.
 *
 * On a machine that leaves them no time, the servers also replace a master that lives. The kit does not know of that, so
 * that what they lose looks like an anomaly: `unasked` tells how often they began to, besides.
 */
export function failoversOf({ ports, run, startAgain }) {
  let count = 0;

  /** Every server that answers. */
  const servers = async () => {
    const asked = `redis-cli -p $p dbsize; redis-cli -p $p info server; redis-cli -p $p info replication`;
    const text = await run(`for p in ${ports.join(" ")}; do echo "== $p"; (${asked}) 2>&1; done`);
    return text
      .split("== ")
      .map((part) => ({
        port: Number.parseInt(part, 10),
        records: Number(/^\d+\s+(\d+)/.exec(part)?.[1]),
        pid: Number(/process_id:(\d+)/.exec(part)?.[1]),
        role: /role:(\w+)/.exec(part)?.[1],
        isInSync: /master_link_status:up/.test(part),
      }))
      .filter(({ role }) => role !== undefined);
  };
  /** The only master, or the one that has the records: all of a namespace are in one slot. */
  const masterIn = (found) =>
    found.filter(({ role }) => role === "master").sort((a, b) => b.records - a.records)[0];

  /** Every failover adds one: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */
  const epoch = async () => {
    const asked = `redis-cli -p $p cluster info; redis-cli -p $p sentinel master tokens`;
    const text = await run(`for p in ${ports.join(" ")} 7101; do (${asked}) 2>&1; done`);
    const epochs = text.matchAll(/(?:cluster_current_epoch:|config-epoch\s+)(\d+)/g);
    return Math.max(...[...epochs].map(([, number]) => Number(number)));
  };

  /** Waits for something about the servers. */
  const until = async (what, find) => {
    for (const end = Date.now() + PATIENCE_MS; ; await sleep(200)) {
      const found = await find();
      if (found !== undefined) return found;
      if (Date.now() < end) continue;
      const there = JSON.stringify(await servers());
      throw new Error(`Not within ${PATIENCE_MS / 1000} s: ${what}. There were: ${there}`);
    }
  };

  const replicasOf = (all) => all.filter(({ role }) => role === "slave");
  const atFirst = servers().then(replicasOf);
  // A server that has come back calls itself a master until it hears of the new one.
  const untilInSync = () =>
    until("all servers are there, and replicas are in sync", async () => {
      const all = await servers();
      const replicas = replicasOf(all);
      const isWhole = all.length === ports.length && replicas.length === (await atFirst).length;
      return isWhole && replicas.every(({ isInSync }) => isInSync) ? all : undefined;
    });

  // In sync as a rule before the next failover begins: what a failover may take is to be known as exactly as it can be.
  let whole = untilInSync();
  const atStart = epoch();
  const failover = async (begins) => {
    const found = await whole;
    begins();
    const killed = masterIn(found);
    const replicas = replicasOf(found);
    const setPassword = (password) =>
      run(replicas.map(({ port }) => `redis-cli -p ${port} config set masterauth '${password}'`).join(";"));
    const isBroken = ++count % 2 === 0;
    if (isBroken) {
      await setPassword("a wrong one");
      await run(`redis-cli -p ${killed.port} client kill type replica; sleep ${BROKEN_MS / 1000}`);
    }
    await run(`kill -9 ${killed.pid}`);
    if (isBroken) await setPassword("");
    const master = await until("another server has the records", async () => {
      const one = masterIn((await servers()).filter(({ port }) => port !== killed.port));
      return one !== undefined && one.records > 0 ? one : undefined;
    });
    whole = startAgain(killed.port, master.port).then(untilInSync);
    whole.catch(() => {}); // the next failover reports it
  };
  return { failover, unasked: async () => (await epoch()) - (await atStart) - count };
}
