import { RedisTokenStore } from "@tokenkeep/redis";
import { Cluster } from "ioredis";

// Set by the test file that registers the kit; child processes inherit it. A URL is a single server; JSON is
// a Cluster ({ nodes, options }) or the options of a store (those of Sentinel).
const target = process.env.TOKENKEEP_REDIS_TEST ?? process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const parsed = target.startsWith("{") ? JSON.parse(target) : { url: target };

// a way to the server that can fail, where the test file made one
const way = globalThis[Symbol.for("tokenkeep.test.way")];
const reached = way === undefined ? parsed : { url: way.url };

// A Cluster has no URL: its client is the caller's. Here it ends with its store, as a program's would.
class OnCluster extends RedisTokenStore {
  #client;
  constructor({ keyPrefix, ...options }) {
    const client = new Cluster(parsed.nodes, { ...parsed.options, keyPrefix });
    client.on("error", () => {}); // told by the calls too
    super({ client, ...options });
    this.#client = client;
  }
  async close() {
    await super.close();
    this.#client.disconnect();
  }
}

// The spaces are kept apart by a prefix, so that the whole namespace is the kit's.
export default {
  name: "redis",
  open: (space, options) => {
    const all = { ...options, keyPrefix: `${space.id}:` };
    return parsed.nodes ? new OnCluster(all) : new RedisTokenStore({ ...reached, ...all });
  },
  ...(way !== undefined && {
    faults: {
      cut: () => way.cut(),
      loseReply: () => way.loseNextReply(),
      stop: () => way.refuse(),
      start: () => way.heal(),
      freeze: () => way.freeze(),
      thaw: () => way.heal(),
    },
  }),
};
