import { createHash } from "node:crypto";
import type { RedisClient } from "./options.js";

/** What a script returned, and how many replicas had what it wrote by then, where that was waited for. */
export interface Answer<T> {
  readonly answer: T;
  readonly replicas: number;
}

/** A Lua script that the server knows by its hash. */
export class Script {
  readonly text: string;
  readonly sha: string;

  constructor(text: string) {
    this.text = text;
    this.sha = createHash("sha1").update(text).digest("hex");
  }

  /**
   * Runs it by hash; where the server does not know it (new, restarted, failed over, `SCRIPT FLUSH`), by its
   * text, after which it does.
   * @param keys the client puts its `keyPrefix` before each
   */
  run(client: RedisClient, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return client.evalsha(this.sha, keys.length, ...keys, ...args).catch((error) => {
      if (!isNoScript(error)) throw error;
      return client.eval(this.text, keys.length, ...keys, ...args);
    });
  }

  /**
   * Runs it and waits until `wanted` replicas have what it wrote. Both go out on one connection in one flush: `WAIT`
   * speaks of its own connection's writes alone. (ioredis never sends the rest of a flush on another
   * connection once a part of it was answered.)
   * @returns the script's answer, and how many replicas have it
   */
  async runAndWait(
    client: RedisClient,
    keys: readonly string[],
    args: readonly string[],
    wanted: number,
    ms: number,
  ): Promise<Answer<unknown>> {
    const flush = async (known: boolean): Promise<readonly [Error | null, unknown][]> => {
      const pipeline = client.pipeline();
      if (known) pipeline.evalsha(this.sha, keys.length, ...keys, ...args);
      else pipeline.eval(this.text, keys.length, ...keys, ...args);
      return (await pipeline.wait(wanted, ms).exec()) ?? [];
    };
    let results = await flush(true);
    if (isNoScript(results[0]?.[0])) results = await flush(false);
    if (/^(MOVED|ASK) /.test(results[0]?.[0]?.message ?? "")) {
      // a call by itself follows the slot to where it went; the scripts take the same write twice
      await this.run(client, keys, args);
      results = await flush(false);
    }
    for (const [error] of results) if (error !== null) throw error;
    return { answer: results[0]?.[1], replicas: Number(results[1]?.[1]) };
  }
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
