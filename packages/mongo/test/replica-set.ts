import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describeOn, startContainer, type TestServer } from "@tokenkeep/test-servers";
import { type GenericContainer, Wait } from "testcontainers";

const NAME = "mongodb-replica-set";
const IMAGE = "mongo:8";

/** A replica set of three members. */
export interface ReplicaSet extends TestServer {
  /** Undefined if the URL came from the environment: only members of our own can be killed or frozen. */
  readonly members?: Members;
}

/** The members, each known by its port. */
export interface Members {
  /** Ends a member, as a crash does. */
  kill(port: number): Promise<void>;
  /** Stops a member: its connections stay open, and it does not answer. */
  freeze(port: number): Promise<void>;
  thaw(port: number): Promise<void>;
  /** Starts a killed member again. */
  start(port: number): Promise<void>;
}

/**
 * A suite on a replica set: the one that `MONGODB_REPLICA_SET_URL` names (or `MONGODB_URL`, with a
 * `replicaSet` in it), otherwise three members in a container. If neither is available, it is reported as
 * NOT RUN, or fails if `TOKENKEEP_REQUIRE` lists it.
 */
export function describeOnReplicaSet(
  register: (replicaSet: ReplicaSet) => void | Promise<void>,
): Promise<void> {
  return describeOn(NAME, startReplicaSet, register);
}

async function startReplicaSet(): Promise<ReplicaSet> {
  const { MONGODB_REPLICA_SET_URL, MONGODB_URL } = process.env;
  const url =
    MONGODB_REPLICA_SET_URL || (/[?&]replicaSet=/i.test(MONGODB_URL ?? "") ? MONGODB_URL : undefined);
  if (url !== undefined) return { name: NAME, url, container: undefined, stop: async () => {} };
  const ports = await freePorts(3);
  const instead = "set MONGODB_REPLICA_SET_URL to the URL of a replica set";
  const container = await startContainer(NAME, IMAGE, (image) => configure(image, ports), instead);
  const run = async (command: string) => {
    const { exitCode, output } = await container.exec(["sh", "-c", command]);
    if (exitCode !== 0) throw new Error(`${command}: ${output}`);
  };
  const signal = (name: string) => (port: number) => run(`kill -${name} $(cat /data/${port}/pid)`);
  return {
    name: NAME,
    url: `mongodb://${ports.map((port) => `localhost:${port}`).join(",")}/tokenkeep?replicaSet=rs0`,
    container,
    members: {
      kill: signal("KILL"),
      freeze: signal("STOP"),
      thaw: signal("CONT"),
      start: (port) => run(mongod(port)),
    },
    stop: async () => void (await container.stop()),
  };
}

// --fork returns once the server is ready: https://www.mongodb.com/docs/v8.0/reference/program/mongod/
const mongod = (port: number): string =>
  `mongod --replSet rs0 --port ${port} --dbpath /data/${port} --bind_ip_all --fork ` +
  `--logpath /data/${port}/log --logappend --pidfilepath /data/${port}/pid --wiredTigerCacheSizeGB 0.25`;

/**
 * The driver asks the members for their addresses, so these have to be the same inside and outside of the container:
 * "localhost", with ports that are free outside. The Docker engine has to be on this machine.
 * An election begins after electionTimeoutMillis, 10 s by default:
 * https://www.mongodb.com/docs/v8.0/reference/replica-configuration/#mongodb-rsconf-rsconf.settings.electionTimeoutMillis
 */
function configure(container: GenericContainer, ports: readonly number[]): GenericContainer {
  const members = ports.map((port, _id) => ({ _id, host: `localhost:${port}` }));
  const config = { _id: "rs0", members, settings: { electionTimeoutMillis: 2000 } };
  const initiate =
    `rs.initiate(${JSON.stringify(config)}); ` +
    "const count = (state) => rs.status().members.filter((member) => member.stateStr === state).length; " +
    "while (count('PRIMARY') !== 1 || count('SECONDARY') !== 2) sleep(100);";
  const script = [
    ...ports.map((port) => `mkdir -p /data/${port} && ${mongod(port)} || exit 1`),
    `mongosh --quiet --port ${ports[0]} --eval "$INITIATE" || exit 1`,
    "echo all is ready",
    "sleep infinity",
  ].join("\n");
  return container
    .withEnvironment({ INITIATE: initiate })
    .withExposedPorts(...ports.map((port) => ({ container: port, host: port })))
    .withEntrypoint(["sh", "-c"])
    .withCommand([script])
    .withWaitStrategy(Wait.forLogMessage("all is ready"))
    .withStartupTimeout(180_000);
}

async function freePorts(count: number): Promise<number[]> {
  // All are taken before the first is given back, so that no two are the same.
  const servers = Array.from({ length: count }, () => createServer().listen(0));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
