import { lookup } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ContainerRuntimeClient,
  GenericContainer,
  getContainerRuntimeClient,
  ImageName,
  type StartedTestContainer,
} from "testcontainers";
import { pingMongo, pingMysql, pingPostgres, pingRedis } from "./pings.js";

/** What a new container has of its own. */
export interface OwnContainer {
  readonly mount?: Mount;
  /** Arguments of the server. */
  readonly command?: readonly string[];
  /** File systems in memory, by where they are: their options, such as `size=4m`. */
  readonly tmpFs?: Readonly<Record<string, string>>;
}

interface ServerKind extends OwnContainer {
  /** The variable that names a server to use in place of a container. */
  readonly variable: string;
  readonly image: string;
  readonly port: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly entrypoint?: readonly string[];
  readonly url: (host: string, port: number) => string;
  /** Resolves once the server answers a request of its own protocol. */
  readonly ping: (url: string) => Promise<unknown>;
  /** A server that this one stands in front of, and the variable of the container that takes its URL. */
  readonly upstream?: { readonly name: ServerName; readonly variable: string };
}

/** How long a server may take to start and to answer, on a busy machine too. */
const STARTUP_MS = 240_000;

const SQL = {
  port: 3306,
  url: (host: string, port: number) => `mysql://root:test-password@${host}:${port}/tokenkeep`,
  ping: pingMysql,
};
const REDIS = {
  port: 6379,
  url: (host: string, port: number) => `redis://${host}:${port}`,
  ping: pingRedis,
};

const POSTGRES = {
  port: 5432,
  url: (host: string, port: number) => `postgres://tokenkeep:test-password@${host}:${port}/postgres`,
  ping: pingPostgres,
};
/** The name of a server that {@link startServer} starts. */
export type ServerName =
  | "redis"
  | "valkey"
  | "mysql"
  | "mariadb"
  | "ferretdb"
  | "postgres"
  | "pgbouncer"
  | "mongodb";

const KINDS: Readonly<Record<ServerName, ServerKind>> = {
  redis: { variable: "REDIS_URL", image: "redis:8", ...REDIS },
  valkey: { variable: "VALKEY_URL", image: "valkey/valkey:9", ...REDIS },
  mysql: {
    variable: "MYSQL_URL",
    image: "mysql:9",
    environment: { MYSQL_ROOT_PASSWORD: "test-password", MYSQL_DATABASE: "tokenkeep" },
    ...SQL,
  },
  mariadb: {
    variable: "MARIADB_URL",
    image: "mariadb:11",
    environment: { MARIADB_ROOT_PASSWORD: "test-password", MARIADB_DATABASE: "tokenkeep" },
    ...SQL,
  },
  ferretdb: {
    variable: "FERRETDB_URL",
    image: "ghcr.io/ferretdb/ferretdb-eval:2",
    port: 27017,
    environment: { POSTGRES_USER: "tokenkeep", POSTGRES_PASSWORD: "test-password" },
    url: (host: string, port: number) => `mongodb://tokenkeep:test-password@${host}:${port}/tokenkeep`,
    ping: pingMongo,
  },
  postgres: {
    variable: "POSTGRES_URL",
    image: "postgres:18",
    environment: { POSTGRES_USER: "tokenkeep", POSTGRES_PASSWORD: "test-password" },
    ...POSTGRES,
  },
  pgbouncer: {
    variable: "PGBOUNCER_URL",
    image: "edoburu/pgbouncer:latest",
    environment: { POOL_MODE: "transaction", AUTH_TYPE: "scram-sha-256" },
    upstream: { name: "postgres", variable: "DATABASE_URL" },
    ...POSTGRES,
  },
  mongodb: {
    variable: "MONGODB_URL",
    image: "mongo:8",
    port: 27017,
    url: (host: string, port: number) => `mongodb://${host}:${port}/tokenkeep`,
    ping: pingMongo,
  },
};

/** A server that answers. */
export interface TestServer {
  readonly name: string;
  readonly url: string;
  /** Undefined if the URL came from the environment: such a server can't be stopped or frozen. */
  readonly container: StartedTestContainer | undefined;
  stop(): Promise<void>;
}

/** A server that can't be started here. The message says why, and what to do. */
export class ServerNotAvailable extends Error {
  override readonly name = "ServerNotAvailable";
}

/** Whether `TOKENKEEP_REQUIRE` requires this server: its name is in the list, or the list is `all`. */
export function isRequired(name: string): boolean {
  const required = (process.env.TOKENKEEP_REQUIRE ?? "").split(",").map((word) => word.trim());
  return required.includes(name) || required.includes("all");
}

/** A directory of this machine that is mounted in a container, for a server's Unix socket for example. */
export interface Mount {
  readonly source: string;
  readonly target: string;
}

/**
 * A running server: the one that the environment names, otherwise a new container.
 * @param own what makes a new container necessary in any case
 * @throws ServerNotAvailable
 */
export async function startServer(name: ServerName, own?: OwnContainer): Promise<TestServer> {
  const kind: ServerKind = { ...KINDS[name], ...own };
  const url = process.env[kind.variable];
  if (url !== undefined && url !== "" && own === undefined) {
    await untilItAnswers(kind, url);
    return { name, url, container: undefined, stop: async () => {} };
  }
  if (kind.upstream !== undefined) return startBehind(name, kind, kind.upstream);
  const container = await startKind(name, kind);
  try {
    const mapped = kind.url(await addressOf(container), container.getMappedPort(kind.port));
    await untilItAnswers(kind, mapped);
    return { name, url: mapped, container, stop: async () => void (await container.stop()) };
  } catch (error) {
    await container.stop();
    throw error;
  }
}

async function startBehind(
  name: ServerName,
  { upstream: _, ...kind }: ServerKind,
  upstream: NonNullable<ServerKind["upstream"]>,
): Promise<TestServer> {
  const { port, url } = KINDS[upstream.name];
  const behind = await startKind(upstream.name, KINDS[upstream.name]);
  try {
    const address = url(behind.getIpAddress("bridge"), port);
    await untilItAnswers(KINDS[upstream.name], url(await addressOf(behind), behind.getMappedPort(port)));
    const environment = { ...kind.environment, [upstream.variable]: address };
    const container = await startKind(name, { ...kind, environment });
    const mapped = kind.url(await addressOf(container), container.getMappedPort(kind.port));
    const stop = async () => void (await Promise.all([container.stop(), behind.stop()]));
    await untilItAnswers(kind, mapped);
    return { name, url: mapped, container, stop };
  } catch (error) {
    await behind.stop();
    throw error;
  }
}

// Docker maps different ports for IPv4 and IPv6. Testcontainers returns the port for the host name's first address.
async function addressOf(container: StartedTestContainer): Promise<string> {
  const { address, family } = await lookup(container.getHost());
  return family === 6 ? `[${address}]` : address;
}

function startKind(name: ServerName, kind: ServerKind): Promise<StartedTestContainer> {
  const instead = `set ${kind.variable} to a server's URL`;
  return startContainer(name, kind.image, (container) => configure(container, kind), instead);
}

/**
 * Starts a container.
 * @param name what is not run if that fails
 * @param image what to start
 * @param prepare configures the container
 * @param instead what else one could do, for the message
 * @returns the container
 * @throws ServerNotAvailable if there is no Docker engine, or an image is missing
 */
export async function startContainer(
  name: string,
  image: string,
  prepare: (container: GenericContainer) => GenericContainer,
  instead: string = "run this test elsewhere",
): Promise<StartedTestContainer> {
  const notRun = (why: string): ServerNotAvailable => new ServerNotAvailable(`${name} was NOT RUN: ${why}`);
  let runtime: ContainerRuntimeClient;
  try {
    runtime = await getContainerRuntimeClient();
  } catch {
    throw notRun(`there is no Docker engine here. Start one, or ${instead}.`);
  }
  try {
    return await prepare(new GenericContainer(image)).start();
  } catch (error) {
    const reason = firstLine(error);
    // Testcontainers first starts a container of its own, which removes the others in the end.
    if (
      /pull|No such image|lookup|dial/.test(reason) &&
      (await runtime.image.exists(ImageName.fromString(image)))
    ) {
      throw notRun(
        `the image ${image} is here, but not the image testcontainers/ryuk, which removes containers (${reason}). ` +
          `Pull it, set TESTCONTAINERS_RYUK_DISABLED=true, or ${instead}.`,
      );
    }
    throw notRun(
      `the image ${image} can't be pulled or started here (${reason}). Make it available, or ${instead}.`,
    );
  }
}

function configure(
  container: GenericContainer,
  { port, environment, entrypoint, mount, command, tmpFs }: ServerKind,
): GenericContainer {
  container
    .withExposedPorts(port)
    .withEnvironment({ ...environment })
    .withStartupTimeout(STARTUP_MS);
  if (entrypoint !== undefined) container.withEntrypoint([...entrypoint]);
  if (mount !== undefined) container.withBindMounts([{ ...mount }]);
  if (command !== undefined) container.withCommand([...command]);
  if (tmpFs !== undefined) container.withTmpFs({ ...tmpFs });
  return container;
}

async function untilItAnswers(kind: ServerKind, url: string): Promise<void> {
  const end = Date.now() + STARTUP_MS;
  for (;;) {
    try {
      await kind.ping(url);
      return;
    } catch (error) {
      if (Date.now() > end) {
        throw new Error(`The server of ${kind.variable} does not answer: ${firstLine(error)}`);
      }
      await sleep(200);
    }
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n", 1)[0] ?? "";
}
