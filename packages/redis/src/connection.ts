import { Redis } from "ioredis";
import type { RedisClient, Settings } from "./options.js";

/** The caller's client, or one of our own, which is made at the first use and closed at the end. */
export class Connection {
  readonly #given: Settings["connection"];
  #own: Redis | undefined;
  #lastError: string | undefined;

  constructor(given: Settings["connection"]) {
    this.#given = given;
  }

  get client(): RedisClient {
    if ("client" in this.#given) return this.#given.client;
    if (this.#own === undefined) {
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
      this.#own = own;
    }
    return this.#own;
  }

  /** Why our own connection can't be had; undefined while it can, and for the caller's client. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  close(): void {
    this.#own?.disconnect();
  }
}
