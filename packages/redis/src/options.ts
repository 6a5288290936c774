import { checkMs, checkStoreOptions, invalidOption, type StoreOptions } from "@tokenkeep/core";
import type { Cluster, ClusterOptions, Redis, RedisOptions } from "ioredis";
import { checkKeyPrefix } from "./keys.js";

/** A client of ioredis that the caller has. */
export type RedisClient = Redis | Cluster;

/** What ioredis takes to connect, besides what the store decides itself. */
export type RedisConnectionOptions = Pick<RedisOptions, ConnectionOption>;

type ConnectionOption =
  | "host"
  | "port"
  | "path"
  | "family"
  | "username"
  | "password"
  | "db"
  | "tls"
  | "sentinels"
  | "name"
  | "sentinelUsername"
  | "sentinelPassword"
  | "sentinelTLS"
  | "sentinelRetryStrategy"
  | "sentinelReconnectStrategy"
  | "sentinelCommandTimeout"
  | "sentinelMaxConnections"
  | "enableTLSForSentinelMode"
  | "updateSentinels"
  | "failoverDetector"
  | "natMap"
  | "keyPrefix"
  | "connectionName"
  | "connectTimeout"
  | "disconnectTimeout"
  | "commandTimeout"
  | "socketTimeout"
  | "keepAlive"
  | "noDelay"
  | "retryStrategy"
  | "reconnectOnError"
  | "maxRetriesPerRequest"
  | "maxLoadingRetryTime"
  | "enableReadyCheck"
  | "enableOfflineQueue"
  | "enableAutoPipelining"
  | "autoResendUnfulfilledCommands";

// ioredis ignores a name that it does not know, and so a typo. Here it is an error.
const KNOWN: Readonly<Record<ConnectionOption, true>> = {
  host: true,
  port: true,
  path: true,
  family: true,
  username: true,
  password: true,
  db: true,
  tls: true,
  sentinels: true,
  name: true,
  sentinelUsername: true,
  sentinelPassword: true,
  sentinelTLS: true,
  sentinelRetryStrategy: true,
  sentinelReconnectStrategy: true,
  sentinelCommandTimeout: true,
  sentinelMaxConnections: true,
  enableTLSForSentinelMode: true,
  updateSentinels: true,
  failoverDetector: true,
  natMap: true,
  keyPrefix: true,
  connectionName: true,
  connectTimeout: true,
  disconnectTimeout: true,
  commandTimeout: true,
  socketTimeout: true,
  keepAlive: true,
  noDelay: true,
  retryStrategy: true,
  reconnectOnError: true,
  maxRetriesPerRequest: true,
  maxLoadingRetryTime: true,
  enableReadyCheck: true,
  enableOfflineQueue: true,
  enableAutoPipelining: true,
  autoResendUnfulfilledCommands: true,
};
const CONNECTION_OPTIONS = Object.keys(KNOWN) as readonly ConnectionOption[];

/** The options of {@link RedisTokenStore}: a `url`, those of ioredis, or a `client`. */
export interface RedisTokenStoreOptions extends StoreOptions, RedisConnectionOptions {
  /** `redis://` or, with TLS, `rediss://[[user]:password@]host[:port][/db]`. By default `host` and `port`. */
  readonly url?: string | undefined;
  /** A client that is open already, with its `keyPrefix`; never closed by the store. */
  readonly client?: RedisClient | undefined;
  /** Records end this long after their last save, in milliseconds. By default they stay. */
  readonly ttlMs?: number | undefined;
  /** How many replicas must have a write before it resolves (`WAIT`); 0 by default. */
  readonly waitReplicas?: number | undefined;
}

export interface Settings {
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly ttlMs: number | undefined;
  readonly waitReplicas: number;
  /** The caller's client, or what to make one of. */
  readonly connection:
    | { readonly client: RedisClient }
    | { readonly url: string | undefined; readonly options: RedisOptions };
  /** What no error may show. */
  readonly secrets: readonly string[];
}

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(given: string | RedisTokenStoreOptions): Settings {
  const options: RedisTokenStoreOptions = typeof given === "string" ? { url: given } : given;
  const own = ["url", "client", "ttlMs", "waitReplicas"];
  const { namespace, timeoutMs } = checkStoreOptions(options, [...own, ...CONNECTION_OPTIONS]);
  const { waitReplicas = 0 } = options;
  if (!Number.isInteger(waitReplicas) || waitReplicas < 0 || waitReplicas > 1000) {
    throw invalidOption("waitReplicas must be a whole number from 0 to 1000.");
  }
  const ttlMs = options.ttlMs === undefined ? undefined : checkTtl(options.ttlMs);
  const common = { namespace, timeoutMs, ttlMs, waitReplicas };
  const rest: RedisOptions = {};
  for (const name of CONNECTION_OPTIONS) {
    if (options[name] !== undefined) Object.assign(rest, { [name]: options[name] });
  }
  if (options.client !== undefined) {
    const extra = [...Object.keys(rest), ...(options.url === undefined ? [] : ["url"])];
    if (extra.length > 0)
      throw invalidOption(`With a client, ${extra.join(", ")} can't be given: it has its own.`);
    return { ...common, connection: { client: checkClient(options.client) }, secrets: [] };
  }
  if (options.url !== undefined) checkUrl(options.url);
  const { db } = options;
  // what is no number would end the process, and what is no whole one another database
  if (db !== undefined && !(Number.isSafeInteger(db) && db >= 0)) {
    throw invalidOption("db must be the number of a database: a whole number, 0 or more.");
  }
  const all: RedisOptions = {
    connectTimeout: timeoutMs,
    retryStrategy: pauseBeforeReconnect,
    ...rest,
    lazyConnect: true,
  };
  for (const name of ["connectTimeout", "commandTimeout", "socketTimeout"] as const) {
    if (all[name] !== undefined) checkMs(name, all[name]);
  }
  return {
    ...common,
    connection: { url: options.url, options: all },
    secrets: secretsOf(options),
  };
}

// Soon at first, so that a call under way is still in time once the server is back; half a second at most.
function pauseBeforeReconnect(times: number): number {
  return Math.min(2 ** times * 10, 500) * (0.75 + Math.random() / 2);
}

/** A session may live longer than a timer of Node can wait. */
function checkTtl(ttlMs: unknown): number {
  if (typeof ttlMs !== "number" || !Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > 1e13) {
    throw invalidOption("ttlMs must be a whole number of milliseconds from 1 to 1e13.");
  }
  return ttlMs;
}

function checkUrl(url: unknown): void {
  // the message never shows the URL: it may hold a password
  if (typeof url !== "string" || !URL.canParse(url) || !/^rediss?:\/\//.test(url)) {
    throw invalidOption("url must be redis://host:port or rediss://host:port (with TLS).");
  }
  const { pathname, search } = new URL(url);
  if (!/^(\/\d*)?$/.test(pathname)) {
    throw invalidOption("What stands behind the host and port of url must be the number of a database: …/2.");
  }
  if (search !== "") throw invalidOption("url can't have options (?…): give them beside it.");
}

function checkClient(client: unknown): RedisClient {
  const isClient =
    typeof client === "object" &&
    client !== null &&
    "evalsha" in client &&
    typeof client.evalsha === "function" &&
    "pipeline" in client &&
    typeof client.pipeline === "function" &&
    "options" in client;
  if (!isClient) throw invalidOption("client must be a Redis or a Cluster of ioredis.");
  const checked = client as unknown as RedisClient;
  if (checked.isCluster) {
    const { keyPrefix, redisOptions } = checked.options as ClusterOptions;
    checkKeyPrefix(keyPrefix ?? redisOptions?.keyPrefix ?? "");
  }
  return checked;
}

function secretsOf(options: RedisTokenStoreOptions): string[] {
  const secrets: string[] = [];
  if (options.url !== undefined) {
    const { password } = new URL(options.url);
    secrets.push(password);
    try {
      secrets.push(decodeURIComponent(password));
    } catch {
      // not escaped: the server gets it as it is
    }
  }
  for (const secret of [options.password, options.sentinelPassword]) {
    if (typeof secret === "string") secrets.push(secret);
  }
  return secrets.filter((secret) => secret !== "");
}
