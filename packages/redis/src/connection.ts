import { setTimeout as sleep } from "node:timers/promises";
import { TokenStoreError } from "@tokenkeep/core";
import type { Deadline } from "@tokenkeep/core/backend";
import { type Cluster, Redis } from "ioredis";
import { isReplica, isReply, isUnapplied, isUnknownScript, toStoreError } from "./errors.js";
import type { RedisClient, Target } from "./options.js";
import type { Script } from "./scripts.js";

type Client = Redis | Cluster;

/** A script to run. */
export interface Call {
  readonly script: Script;
  /** All of one slot. The client puts its `keyPrefix` before each. */
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** Whether it may be sent again after its reply was lost. */
  readonly isRepeatable?: boolean;
  /** How many replicas must have what it wrote. */
  readonly waitReplicas?: number;
}

/**
 * The store's own connection. A call is sent while the connection is ready, and never later: ioredis keeps no command
 * for a later connection. By default it does, so that a write could be applied twice, or long after its call failed.
 */
export class Connection {
  readonly #make: () => Client;
  /** Whose options the client has. */
  readonly #original: RedisClient | undefined;
  #users = 0;
  #client: Client | undefined;
  #isReady = false;
  /** Why there is no connection. */
  #lastError: Error | undefined;
  /** Those who wait for an event of the client. */
  #waiting: (() => void)[] = [];
  /** Rejects the calls that wait for a reply. */
  readonly #inFlight = new Set<(error: Error) => void>();
  /** How many connections were lost. */
  #losses = 0;
  /** The hash tags to whose masters a Cluster is connected. */
  readonly #reached = new Set<string>();

  constructor(make: () => Client, original?: RedisClient) {
    this.#make = make;
    this.#original = original;
  }

  /** Begins to use it. */
  join(): void {
    if (this.#users++ === 0) this.#original?.on("end", this.#discard);
  }

  /** Stops using it. The last user closes it. */
  leave(): void {
    if (--this.#users > 0) return;
    this.#original?.off("end", this.#discard);
    this.#discard();
  }

  #open(): Client {
    const client = this.#make();
    const on = (event: string, listener: (error: Error) => void): void => {
      client.on(event, (error: Error) => {
        if (client === this.#client) listener(error);
      });
    };
    on("connect", () => {
      this.#lastError = undefined;
    });
    on("ready", () => {
      // Where the server refuses a database, ioredis goes on in database 0.
      if (this.#lastError !== undefined && !client.isCluster) return client.disconnect(true);
      this.#lastError = undefined;
      this.#isReady = true;
      this.#wake();
    });
    on("error", (error) => this.#failed(error));
    on("node error", (error) => {
      this.#lastError = error;
    });
    on("-node", () => this.#reached.clear());
    on("close", () => {
      // With ioredis 5, the socketTimeout of a lost connection would end the next one.
      const timers = client as { socketTimeoutTimer?: NodeJS.Timeout | undefined };
      clearTimeout(timers.socketTimeoutTimer);
      timers.socketTimeoutTimer = undefined;
      this.#lost();
    });
    on("end", this.#discard);
    client.connect().catch(() => {}); // its events say why
    return client;
  }

  #failed(error: Error): void {
    this.#lastError = error;
    // What the server refuses now it will refuse in half a second. The next call connects again.
    if (isPermanent(error)) this.#discard();
    this.#wake();
  }

  /** The next call makes a new client: a Cluster of ioredis can't be relied on to connect again after its end. */
  readonly #discard = (): void => {
    const client = this.#client;
    this.#client = undefined;
    client?.disconnect();
    this.#lost();
  };

  // ioredis up to 6.0.0 never settles a command that it does not send again (its issue 2193).
  #lost(): void {
    this.#isReady = false;
    this.#losses++;
    this.#reached.clear();
    const error = new Error(`the connection was lost: ${this.#lastError?.message ?? "the server closed it"}`);
    for (const reject of this.#inFlight) reject(error);
    this.#inFlight.clear();
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /**
   * Runs a script. Until the deadline it is sent again where nothing was applied, or where it may be repeated.
   * @returns what the script returned; a number may be a string
   */
  async run(call: Call, deadline: Deadline): Promise<unknown> {
    let isKnown = true;
    for (let attempt = 1; ; attempt++) {
      const client = await this.#connected(call.keys[0], deadline);
      const losses = this.#losses;
      try {
        return await this.#send(client, call, isKnown, deadline);
      } catch (error) {
        if (isKnown && isUnknownScript(error)) {
          isKnown = false;
          continue;
        }
        const isLost = !isReply(error);
        if (!isUnapplied(error) && !(isLost && call.isRepeatable)) throw error;
        // The host name or the Sentinels may name another server by now.
        if (isReplica(error) && losses === this.#losses && !client.isCluster) client.disconnect(true);
        await pause(attempt, error, deadline);
      }
    }
  }

  #send(client: Client, call: Call, isKnown: boolean, deadline: Deadline): Promise<unknown> {
    const { script, keys, args, waitReplicas = 0 } = call;
    const command = isKnown ? "evalsha" : "eval";
    const all = [isKnown ? script.sha : script.text, keys.length, ...keys, ...args] as const;
    if (waitReplicas === 0) return this.#reply(client[command](...all));
    return this.#sendAndWait(client.pipeline()[command](...all), waitReplicas, deadline);
  }

  // In one flush, since WAIT is about the writes of its own connection. https://redis.io/docs/latest/commands/wait/
  async #sendAndWait(
    pipeline: ReturnType<Client["pipeline"]>,
    wanted: number,
    deadline: Deadline,
  ): Promise<unknown> {
    const ms = Math.ceil(deadline.remainingMs / 2);
    const results = await this.#reply(pipeline.wait(wanted, ms).exec()).catch((cause) => {
      throw unreplicated(
        "the connection was lost, and nobody knows how many replicas have this write.",
        cause,
      );
    });
    const [[error, result] = [null, null], [waitError, replicas] = [null, 0]] = results ?? [];
    if (error !== null) throw error;
    if (waitError !== null) throw unreplicated(`WAIT failed: ${waitError.message}.`, waitError);
    if (Number(result) === 1 && Number(replicas) < wanted) {
      throw unreplicated(`only ${replicas} of ${wanted} replicas had this write within ${ms} ms.`);
    }
    return result;
  }

  /** What the server says of itself. https://redis.io/docs/latest/commands/info/ */
  async info(section: string, deadline: Deadline): Promise<string> {
    const client = await this.#connected(undefined, deadline);
    return this.#reply(client.info(section));
  }

  /** What `reply` settles with, unless the connection is lost first. */
  #reply<T>(reply: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#inFlight.add(reject);
      reply.then(resolve, reject).finally(() => this.#inFlight.delete(reject));
    });
  }

  /** A client that sends a call with this key at once. */
  async #connected(key: string | undefined, deadline: Deadline): Promise<Client> {
    for (let attempt = 1; ; attempt++) {
      this.#check(deadline);
      this.#client ??= this.#open();
      const client = this.#client;
      if (!this.#isReady) await this.#nextEvent(client, deadline);
      else if (!client.isCluster || key === undefined || this.#reached.has(hashTagOf(key))) {
        deadline.blockedBy(undefined);
        return client;
      } else await this.#reach(client, key, attempt, deadline);
    }
  }

  async #nextEvent(client: Client, deadline: Deadline): Promise<void> {
    deadline.blockedBy(this.#reason(client));
    await new Promise<void>((wake) => this.#waiting.push(wake));
    if (this.#lastError !== undefined && isPermanent(this.#lastError)) throw this.#lastError;
    if (!this.#isReady) await sleep(5 + Math.random() * 20);
  }

  // A Cluster connects to a master when it first has something for it, and keeps that until it is connected. So
  // the first thing is a read.
  async #reach(client: Client, key: string, attempt: number, deadline: Deadline): Promise<void> {
    deadline.blockedBy(this.#reason(client));
    try {
      await this.#reply(client.exists(key));
      this.#reached.add(hashTagOf(key));
    } catch (error) {
      if (isReply(error) && !isUnapplied(error)) throw error;
      await pause(attempt, error, deadline);
    }
  }

  #check(deadline: Deadline): void {
    if (this.#users === 0)
      throw new TokenStoreError("ERR_STORE_CLOSED", "The store is closed. Make a new one.");
    deadline.check();
  }

  #reason({ status, options }: Client): Error {
    const silence =
      status === "connect" ? "the server accepts connections and does not answer" : "no answer yet";
    const usesTls = "tls" in options && Boolean(options.tls);
    const advice = usesTls ? " (with TLS: does the server speak TLS at this port?)" : "";
    return new Error((this.#lastError?.message ?? silence) + advice);
  }
}

/** Keys with one hash tag are in one slot, and so on one master. */
function hashTagOf(key: string): string {
  return key.slice(0, key.indexOf("}"));
}

/** Whether trying again can't help. */
function isPermanent(error: Error): boolean {
  return toStoreError(error)?.retryable === false;
}

function unreplicated(what: string, cause?: unknown): TokenStoreError {
  return new TokenStoreError(
    "ERR_UNAVAILABLE",
    `redis: ${what} The master may have it, and a failover now may lose it. Check the replicas and call again, or ask ` +
      "for fewer with waitReplicas.",
    { uncertain: true, cause },
  );
}

/** Waits a short time, the longer the more attempts there were. Throws `error` where the deadline comes first. */
async function pause(attempt: number, error: unknown, deadline: Deadline): Promise<void> {
  const ms = Math.min(2 ** attempt * 5, 250) * (0.5 + Math.random());
  if (deadline.remainingMs < ms + 50) throw error;
  deadline.blockedBy(error);
  await sleep(ms);
}

/** Stores on one client of the caller share a connection. */
const sharedBy = new WeakMap<RedisClient, Connection>();

/** A connection that is made when a call needs it. */
export function connectionTo(target: Target, timeoutMs: number): Connection {
  if (!("client" in target)) {
    const { url, clientOptions } = target;
    const options = { ...defaults(timeoutMs), ...clientOptions, ...FORCED };
    return new Connection(() => (url === undefined ? new Redis(options) : new Redis(url, options)));
  }
  const { client } = target;
  const shared = sharedBy.get(client) ?? new Connection(() => duplicateOf(client, timeoutMs), client);
  sharedBy.set(client, shared);
  return shared;
}

/** What makes ioredis send a command at once or not at all. */
const FORCED = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableReadyCheck: true,
  autoResendUnfulfilledCommands: false,
  readOnly: false,
  replyMapping: "legacy",
} as const;

/** Limits that leave a call the time for another attempt. */
function defaults(timeoutMs: number) {
  return {
    connectTimeout: Math.max(timeoutMs / 4, 1000),
    socketTimeout: Math.max(timeoutMs / 2, 1000),
    sentinelCommandTimeout: 500,
    retryStrategy: (times: number) => Math.min(2 ** times * 10, 500) * (0.75 + Math.random() / 2),
  };
}

function duplicateOf(client: RedisClient, timeoutMs: number): Client {
  const options = { ...defaults(timeoutMs), ...FORCED };
  if (!client.isCluster) return (client as unknown as Redis).duplicate(options);
  const cluster = client as unknown as Cluster;
  return cluster.duplicate([], {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: true,
    scaleReads: "master",
    // Both would send what a lost connection had sent already.
    retryDelayOnFailover: 0,
    clusterNodeRetryStrategy: null,
    redisOptions: { ...cluster.options.redisOptions, ...options },
  });
}
