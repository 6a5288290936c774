import { Redis } from "ioredis";
import type { RedisClient, Settings } from "./options.js";
import { WaitingCalls } from "./waiting-calls.js";

/** How often in its time limit a connection is looked after. */
const LOOKS = 4;
/** How long before a call's time limit it says why there is no connection, in milliseconds at most. */
const SAY_BEFORE_MS = 100;

/** The caller's client, or one of our own, which is made at the first use and closed at the end. */
export class Connection {
  /** Whether plain commands that read go to the master: the caller's Cluster may send them to replicas. */
  readonly readsFromMaster: boolean;
  readonly #given: Settings["connection"];
  readonly #timeoutMs: number;
  readonly #calls = new WaitingCalls();
  #own: Redis | undefined;
  /** Whether our own client is connected, to the database that it was told to use. */
  #isOwnReady = false;
  #isHeard = false;
  #lastError: string | undefined;
  #watch: NodeJS.Timeout | undefined;
  #underWay = 0;
  #answers = 0;

  constructor(given: Settings["connection"], timeoutMs: number) {
    this.#given = given;
    this.#timeoutMs = timeoutMs;
    const { options } = "client" in given ? given.client : given;
    this.readsFromMaster = !("scaleReads" in options) || options.scaleReads === "master";
  }

  /** What `request` settles with. It is made once there is a connection, and never after the time limit. */
  send<T>(request: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = this.#client();
    // one that has ended says so by itself
    if (this.#isReady(client) || client.status === "end") return this.#sendNow(client, request);
    if ("client" in this.#given) this.#hear(client);
    if (client.status === "wait") client.connect().catch(() => {}); // it tells by its events
    const patience = this.#timeoutMs - Math.min(this.#timeoutMs / 10, SAY_BEFORE_MS);
    const late = () => new Error(this.#lastError ?? `not connected (${client.status})`);
    return this.#calls.wait(patience, late).then(() => this.#sendNow(client, request));
  }

  #sendNow<T>(client: RedisClient, request: (client: RedisClient) => Promise<T>): Promise<T> {
    const answer = request(client);
    this.#underWay++;
    answer.then(this.#done, this.#done);
    return answer;
  }

  readonly #done = (): void => {
    this.#underWay--;
    this.#answers++;
  };

  #isReady(client: RedisClient): boolean {
    return client === this.#own ? this.#isOwnReady : client.status === "ready";
  }

  #client(): RedisClient {
    if ("client" in this.#given) return this.#given.client;
    this.#own ??= this.#make(this.#given);
    return this.#own;
  }

  #make({ url, options }: Exclude<Settings["connection"], { client: RedisClient }>): Redis {
    const all = { ...options, replyMapping: "legacy" as const };
    const own = url === undefined ? new Redis(all) : new Redis(url, all);
    // a call only says that it gave up; why the connection fails is told here
    own.on("error", (error: Error) => {
      this.#lastError = error.message;
    });
    own.on("ready", () => void this.#enter(own));
    own.on("close", () => {
      this.#isOwnReady = false;
    });
    own.on("end", () => {
      if (own === this.#own) this.#ended();
    });
    this.#watchOver(own);
    return own;
  }

  // ioredis goes on in database 0 where the server refuses the one that it was told to use.
  async #enter(own: Redis): Promise<void> {
    const { db } = own.options;
    try {
      if (db) await own.select(db);
    } catch (error) {
      const isRefused = error instanceof Error && error.name === "ReplyError";
      if (!isRefused || own !== this.#own) return; // it was cut off, and comes back
      this.#lastError = error.message;
      this.#own = undefined; // the next call begins anew
      clearInterval(this.#watch);
      own.disconnect();
      this.#calls.fail(error);
      return;
    }
    if (own.status !== "ready" || own !== this.#own) return;
    this.#lastError = undefined;
    this.#isOwnReady = true;
    this.#calls.go();
  }

  // The caller's client outlives the store, and so must not keep what it has to say to it.
  #hear(client: RedisClient): void {
    if (this.#isHeard) return;
    this.#isHeard = true;
    client.on("ready", this.#isThere);
    client.on("end", this.#ended);
  }

  readonly #isThere = (): void => this.#calls.go();
  readonly #ended = (): void => this.#calls.fail(new Error(this.#lastError ?? "Connection is closed."));

  // A peer that vanished (a machine that lost its power, a network that was split) says nothing: where no request
  // was answered for the length of a call, the connection is made anew. ioredis' own socketTimeout sets a timer
  // for every request, which costs a good part of it.
  #watchOver(client: Redis): void {
    let answers = -1;
    let quiet = 0;
    this.#watch = setInterval(() => {
      quiet = this.#underWay > 0 && this.#answers === answers ? quiet + 1 : 0;
      answers = this.#answers;
      if (quiet < LOOKS || client.status !== "ready") return;
      quiet = 0;
      client.stream.destroy(new Error(`no answer for ${this.#timeoutMs} ms`));
    }, this.#timeoutMs / LOOKS).unref();
  }

  /** Why our own connection can't be had; undefined while it can, and for the caller's client. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  close(): void {
    clearInterval(this.#watch);
    if ("client" in this.#given) {
      this.#given.client.off("ready", this.#isThere);
      this.#given.client.off("end", this.#ended);
    }
    this.#own?.disconnect();
    this.#ended();
  }
}
