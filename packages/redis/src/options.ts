import type { PersistentStoreOptions } from "@tokenkeep/core";
import {
  type CheckedStoreOptions,
  checkStoreOptions,
  checkUrl,
  invalidOption,
  passwordsInUrl,
} from "@tokenkeep/core/backend";
import type { RedisOptions } from "ioredis";

/** The used part of a `Redis` or `Cluster` of ioredis 5 or 6. */
export interface RedisClient {
  readonly isCluster: boolean;
  readonly options: object;
  duplicate(...args: never[]): unknown;
  on(event: "end", listener: () => void): unknown;
  off(event: "end", listener: () => void): unknown;
}

/** The options of {@link RedisTokenStore}: a `url`, a `client`, or `clientOptions` alone. */
export interface RedisTokenStoreOptions extends PersistentStoreOptions {
  /** `redis://[[user]:password@]host[:port][/db]`, or `rediss://…` with TLS. */
  readonly url?: string | undefined;
  /** A `Redis` or `Cluster`. The store connects as this client does, on a connection of its own. */
  readonly client?: RedisClient | undefined;
  /** Options of ioredis for the store's client, with a `url` or alone: TLS, Sentinels, `enableAutoPipelining`, … */
  readonly clientOptions?: RedisOptions | undefined;
  /** How many replicas must have a write before it resolves (`WAIT`); 0 by default. */
  readonly waitReplicas?: number | undefined;
}

/** What to connect with. */
export type Target =
  | { readonly client: RedisClient }
  | { readonly url: string | undefined; readonly clientOptions: RedisOptions };

export interface CheckedOptions extends CheckedStoreOptions {
  readonly target: Target;
  readonly waitReplicas: number;
  /** Values that no error may show. */
  readonly secrets: readonly string[];
}

const URL_SHAPE = "redis://[[user]:password@]host[:port][/db], or rediss://… with TLS";

/** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
export function checkOptions(input: string | RedisTokenStoreOptions): CheckedOptions {
  const options = typeof input === "string" ? { url: input } : input;
  const own = ["open", "url", "client", "clientOptions", "waitReplicas"];
  const common = checkStoreOptions(options, own);
  const { client, clientOptions, waitReplicas = 0 } = options;
  if (!Number.isInteger(waitReplicas) || waitReplicas < 0 || waitReplicas > 1000) {
    throw invalidOption("waitReplicas must be an integer from 0 to 1000.");
  }
  if ("client" in options) {
    if (options.url !== undefined || clientOptions !== undefined) {
      throw invalidOption(
        "Give a client, or a url and clientOptions, not both: a client has its own options.",
      );
    }
    return { ...common, waitReplicas, target: { client: checkClient(client) }, secrets: secretsOf(client) };
  }
  if (!("url" in options) && clientOptions === undefined) {
    throw invalidOption(`Give a url (${URL_SHAPE}), a client of ioredis, or clientOptions.`);
  }
  if ("url" in options) checkRedisUrl(options.url);
  const target = { url: options.url, clientOptions: checkClientOptions(clientOptions ?? {}) };
  const secrets = [
    ...passwordsInUrl(options.url ?? "redis:"),
    ...secretsOf({ options: target.clientOptions }),
  ];
  return { ...common, waitReplicas, target, secrets };
}

function checkRedisUrl(url: unknown): void {
  const { pathname, search } = checkUrl(url, ["redis", "rediss"], URL_SHAPE);
  if (!/^(\/\d*)?$/.test(pathname)) {
    throw invalidOption("The path of url must be the number of a database, such as /2.");
  }
  if (search !== "") throw invalidOption("url can't have options (?…): give them as clientOptions.");
}

function checkClientOptions(options: RedisOptions): RedisOptions {
  if (typeof options !== "object" || options === null)
    throw invalidOption("clientOptions must be an object.");
  const { db = 0 } = options;
  // ioredis uses database 0 in place of one that it does not understand.
  if (!Number.isSafeInteger(db) || db < 0) {
    throw invalidOption("clientOptions.db must be the number of a database, an integer of 0 or more.");
  }
  return options;
}

function checkClient(client: unknown): RedisClient {
  const { isOpen, evalsha, duplicate, isCluster, options } = (client ?? {}) as Record<string, unknown>;
  if (typeof isOpen === "boolean") {
    throw invalidOption(
      "client is one of node-redis (the package redis), and this store uses ioredis. Give the url instead, or a " +
        "Redis or Cluster of ioredis.",
    );
  }
  if (typeof evalsha !== "function" || typeof duplicate !== "function" || typeof options !== "object") {
    throw invalidOption("client must be a Redis or a Cluster of ioredis.");
  }
  const { keyPrefix, redisOptions } = options as RedisOptions & { redisOptions?: RedisOptions };
  // Empty braces are no hash tag, and end the search for one. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
  if (isCluster === true && /^[^{]*\{\}/.test(keyPrefix ?? redisOptions?.keyPrefix ?? "")) {
    throw invalidOption(
      'A keyPrefix with "{}" spreads the keys of a namespace over the slots of a Cluster, where no script may ' +
        "touch them together. Leave the braces out, or put a word between them.",
    );
  }
  return client as RedisClient;
}

function secretsOf(client: { readonly options: object } | undefined): string[] {
  const options = client?.options as RedisOptions & { redisOptions?: RedisOptions };
  const { password, sentinelPassword, redisOptions } = options;
  const secrets = [password, sentinelPassword, redisOptions?.password];
  return secrets.filter((secret): secret is string => typeof secret === "string");
}
