import type { NatMap } from "ioredis";
import { type StartedTestContainer, Wait } from "testcontainers";
import { type ServerName, startContainer, type TestServer } from "./servers.js";

/** Each has `redis-server` and `redis-cli`, under these names. */
const IMAGES = { redis: "redis:8", valkey: "valkey/valkey:9" } as const;
export type RedisKind = keyof typeof IMAGES & ServerName;
/** Redis and Valkey. */
export const KINDS: readonly RedisKind[] = ["redis", "valkey"];

/** Several servers in one container, each at its own port. */
export interface Topology extends TestServer {
  readonly container: StartedTestContainer;
  /** Where this process reaches the servers to connect to. */
  readonly nodes: { host: string; port: number }[];
  /** From the addresses that the servers tell each other to those that this process reaches. */
  readonly natMap: NatMap;
  /** The ports in the container of the servers that keep data. */
  readonly ports: readonly number[];
  /** Runs a command in the container, and returns what it prints. */
  run(command: string): Promise<string>;
  /** Starts a server again that was killed, behind Sentinel as a replica of the master at the other port. */
  startAgain(port: number, master: number): Promise<void>;
}

const DATA =
  "--bind 0.0.0.0 --protected-mode no --appendonly yes --save '' --repl-diskless-sync-delay 0 --daemonize yes";
const serverAt = (port: number | string, options: string): string =>
  `redis-server --port ${port} --dir /data/${port} ${DATA} ${options}`;
const CLUSTER = "--cluster-enabled yes --cluster-node-timeout 1000";

/** Six nodes: three masters, each with a replica. */
export async function startCluster(kind: RedisKind): Promise<Topology> {
  const ports = [7001, 7002, 7003, 7004, 7005, 7006];
  const script = [
    `for p in ${ports.join(" ")}; do mkdir -p /data/$p; ${serverAt("$p", CLUSTER)}; done`,
    "sleep 1",
    `redis-cli --cluster create ${ports.map((port) => `127.0.0.1:${port}`).join(" ")} --cluster-replicas 1 --cluster-yes`,
    `until [ $(for p in ${ports.join(" ")}; do redis-cli -p $p cluster info; done | grep -c cluster_state:ok) = 6 ]; do sleep 0.2; done`,
    // every replica has its master's data before the tests start
    `until [ $(for p in ${ports.join(" ")}; do redis-cli -p $p info replication; done | grep -c master_link_status:up) = 3 ]; do sleep 0.2; done`,
    "echo all is ready",
    "sleep infinity",
  ].join("\n");
  return start(IMAGES[kind], script, { ports, entries: ports, commandOf: (port) => serverAt(port, CLUSTER) });
}

/** A master with two replicas, and three Sentinels that watch it as `tokens`. */
export async function startSentinels(kind: RedisKind): Promise<Topology> {
  const ports = [7001, 7002, 7003];
  const sentinels = [7101, 7102, 7103];
  const script = [
    `for p in ${ports.join(" ")}; do mkdir -p /data/$p; ${serverAt("$p", "")} $([ $p != 7001 ] && echo --replicaof 127.0.0.1 7001); done`,
    `until [ $(redis-cli -p 7001 info replication | grep -c state=online) = 2 ]; do sleep 0.2; done`,
    `for p in ${sentinels.join(" ")}; do mkdir -p /data/$p; printf 'sentinel monitor tokens 127.0.0.1 7001 2\\nsentinel down-after-milliseconds tokens 1000\\nsentinel failover-timeout tokens 5000\\n' > /data/$p/sentinel.conf; redis-server /data/$p/sentinel.conf --sentinel --port $p --bind 0.0.0.0 --protected-mode no --daemonize yes; done`,
    `until redis-cli -p 7101 sentinel ckquorum tokens | grep -q '^OK 3'; do sleep 0.2; done`,
    `until [ $(redis-cli -p 7101 sentinel replicas tokens | grep -c 'master-link-status') = 2 ]; do sleep 0.2; done`,
    "echo all is ready",
    "sleep infinity",
  ].join("\n");
  const commandOf = (port: number, master: number): string =>
    serverAt(port, `--replicaof 127.0.0.1 ${master}`);
  return start(IMAGES[kind], script, { ports, entries: sentinels, commandOf });
}

/** A container with ports at which no servers run yet. */
export async function startBare(kind: RedisKind, ports: number[]): Promise<Topology> {
  const script = "echo all is ready; sleep infinity";
  return start(IMAGES[kind], script, { ports, entries: ports, commandOf: (port) => serverAt(port, "") });
}

interface Servers {
  readonly ports: number[];
  /** The ports that a client is given. */
  readonly entries: number[];
  commandOf(port: number, master: number): string;
}

async function start(
  image: string,
  script: string,
  { ports, entries, commandOf }: Servers,
): Promise<Topology> {
  const all = [...new Set([...ports, ...entries])];
  const container = await startContainer(
    image,
    image,
    (prepared) =>
      prepared
        .withExposedPorts(...all)
        .withEntrypoint(["sh", "-c"])
        .withCommand([script])
        .withWaitStrategy(Wait.forLogMessage("all is ready"))
        .withStartupTimeout(180_000),
    "start one",
  );
  const host = container.getHost();
  const at = (port: number) => ({ host, port: container.getMappedPort(port) });
  const nodes = entries.map(at);
  const run = async (command: string): Promise<string> =>
    (await container.exec(["sh", "-c", command])).output;
  return {
    name: image,
    url: `redis://${host}:${nodes[0]!.port}`,
    container,
    nodes,
    ports,
    natMap: Object.fromEntries(all.map((port) => [`127.0.0.1:${port}`, at(port)])),
    run,
    startAgain: async (port, master) => void (await run(commandOf(port, master))),
    stop: async () => void (await container.stop()),
  };
}
