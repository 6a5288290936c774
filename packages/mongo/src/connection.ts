import { setTimeout as sleep } from "node:timers/promises";
import { isTokenStoreError } from "@tokenkeep/core";
import type { Deadline } from "@tokenkeep/core/backend";
import type { Abortable, MongoClient, OperationOptions, TopologyDescription } from "mongodb";
import { isDeadlock, isDuplicate, isTransient, isUnapplied, isUnsent, toStoreError } from "./errors.js";

/** The longest pause before a request is sent again, in milliseconds. */
const MAX_PAUSE_MS = 250;
/**
 * The longest pause after a deadlock, in milliseconds. PostgreSQL, which FerretDB stores in, needs a second to notice one
 * (`deadlock_timeout`), and rolls back one write of it. If that write comes back before the others are done, all of them
 * are in a deadlock again, perhaps for ever.
 */
const MAX_DEADLOCK_PAUSE_MS = 5_000;

/**
 * The options of every request. The signal ends the request at the deadline, also while the driver still waits for a
 * server or a free connection, which may take it 30 seconds. So nothing is sent late, whatever the client's options
 * are. The driver's types have it for reads only, but it treats all requests alike since version 6.13.
 */
export type RequestOptions = OperationOptions & Abortable;

/** Requests through one client, each within its deadline. */
export class Connection {
  readonly #client: MongoClient;
  readonly #servers: Servers;
  readonly #inDoubt = new WeakSet<Deadline>();

  constructor(client: MongoClient) {
    this.#client = client;
    this.#servers = Servers.of(client);
  }

  /**
   * Connects the client unless it is connected. Explicitly, each time that the store is opened: after an implicit
   * connect has failed, every later operation of that client says "Topology is closed".
   */
  async connect(deadline: Deadline): Promise<void> {
    await this.#servers.whileBlocked(deadline, () => this.#client.connect());
  }

  /** Sends a request that may be sent again: one that only reads, or that makes no difference the second time. */
  ask<T>(deadline: Deadline, send: (options: RequestOptions) => Promise<T>): Promise<T> {
    return this.#send(deadline, isTransient, send);
  }

  /**
   * Sends a write once, or again if the last attempt certainly was not applied.
   *
   * The driver's own `retryWrites` fits this: it resends only to a replica set, under the same transaction number, and
   * the server answers the second request with the result of the first
   * (https://www.mongodb.com/docs/v8.0/core/retryable-writes/).
   */
  async write<T>(deadline: Deadline, send: (options: RequestOptions) => Promise<T>): Promise<T> {
    try {
      return await this.#send(deadline, isUnapplied, send);
    } catch (error) {
      if (toStoreError(error) === undefined && !isDuplicate(error)) this.#inDoubt.add(deadline);
      throw error;
    }
  }

  /**
   * Whether a write of this call had no answer. What is read then decides whether the write was applied, so it has to
   * be what a majority of the members has: anything else can still be rolled back.
   */
  isInDoubt(deadline: Deadline): boolean {
    return this.#inDoubt.has(deadline);
  }

  async #send<T>(
    deadline: Deadline,
    mayRepeat: (error: unknown) => boolean,
    send: (options: RequestOptions) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      await this.#untilReachable(deadline);
      try {
        return await send({ signal: deadline.signal });
      } catch (error) {
        if (isTokenStoreError(error) || deadline.isOver || !mayRepeat(error)) throw error;
        if (isUnsent(error)) deadline.blockedBy(error);
        await (isDeadlock(error) ? pauseUpTo(MAX_DEADLOCK_PAUSE_MS) : pause(attempt));
      }
      deadline.check();
    }
  }

  // The driver waits for a server inside of each operation, and nobody sees when it is sent. So while there is no
  // server, a ping waits instead.
  async #untilReachable(deadline: Deadline): Promise<void> {
    const options = { readPreference: "primary", signal: deadline.signal } as const;
    const ping = () => this.#client.db().command({ ping: 1 }, options);
    for (let attempt = 1; this.#servers.problem !== undefined; attempt++) {
      try {
        await this.#servers.whileBlocked(deadline, ping);
        break;
      } catch (error) {
        if (isTokenStoreError(error) || !isTransient(error)) throw error;
      }
      await pause(attempt);
      deadline.check();
    }
    deadline.blockedBy(undefined);
    deadline.check();
  }
}

/** What a client's monitors report. One listener per client, however many stores share it. */
class Servers {
  static readonly #known = new WeakMap<MongoClient, Servers>();
  /** Why no server takes writes; undefined while one does, as far as is known. */
  problem: unknown;
  readonly #blocked = new Set<Deadline>();

  static of(client: MongoClient): Servers {
    const servers = Servers.#known.get(client) ?? new Servers(client);
    Servers.#known.set(client, servers);
    return servers;
  }

  private constructor(client: MongoClient) {
    client.on("topologyDescriptionChanged", ({ newDescription }) => {
      this.problem = problemOf(newDescription);
      if (this.problem === undefined) return;
      for (const deadline of this.#blocked) deadline.blockedBy(this.problem);
    });
  }

  /** Does something that waits for a server. Meanwhile the deadline knows why. */
  async whileBlocked<T>(deadline: Deadline, wait: () => Promise<T>): Promise<T> {
    deadline.blockedBy(this.problem ?? "the client is connecting");
    this.#blocked.add(deadline);
    try {
      return await wait();
    } finally {
      this.#blocked.delete(deadline);
    }
  }
}

function problemOf({ type, servers }: TopologyDescription): unknown {
  const all = [...servers.values()];
  // A client with directConnection talks to its one server, whatever that is.
  const takesWrites = type === "Single" ? /^(?!Unknown)/ : /^(Standalone|RSPrimary|Mongos|LoadBalancer)$/;
  if (all.some((server) => takesWrites.test(server.type))) return undefined;
  return all.find(({ error }) => error !== null)?.error ?? "none of the servers is a primary";
}

/** Grows, and is random, so that requests that disturbed each other don't do so again. */
function pause(attempt: number): Promise<void> {
  return pauseUpTo(Math.min(10 * 2 ** attempt, MAX_PAUSE_MS));
}

function pauseUpTo(ms: number): Promise<void> {
  return sleep(Math.random() * ms);
}
