import { Redis } from "ioredis";
import type { RedisClient, Settings } from "./options.js";

/** How often in its time limit a connection is looked after. */
const LOOKS = 4;

/** The caller's client, or one of our own, which is made at the first use and closed at the end. */
export class Connection {
  /** Whether plain commands that read go to the master: the caller's Cluster may send them to replicas. */
  readonly readsFromMaster: boolean;
  readonly #given: Settings["connection"];
  readonly #timeoutMs: number;
  #own: Redis | undefined;
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

  /** What `request` settles with. */
  send<T>(request: (client: RedisClient) => Promise<T>): Promise<T> {
    const answer = request(this.#client());
    this.#underWay++;
    answer.then(this.#done, this.#done);
    return answer;
  }

  readonly #done = (): void => {
    this.#underWay--;
    this.#answers++;
  };

  #client(): RedisClient {
    if ("client" in this.#given) return this.#given.client;
    if (this.#own !== undefined) return this.#own;
    const { url } = this.#given;
    const options = { ...this.#given.options, replyMapping: "legacy" as const };
    const own = url === undefined ? new Redis(options) : new Redis(url, options);
    // a call only says that it gave up; why the connection fails is told here
    own.on("error", (error: Error) => {
      this.#lastError = error.message;
    });
    own.on("ready", () => {
      this.#lastError = undefined;
    });
    this.#watchOver(own);
    this.#own = own;
    return own;
  }

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
    this.#own?.disconnect();
  }
}
