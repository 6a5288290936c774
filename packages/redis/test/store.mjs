import { RedisTokenStore } from "@tokenkeep/redis";
import { Cluster, Redis } from "ioredis";

// Set by the test file that registers the kit; child processes inherit it. A URL is a single server; JSON is
// a Cluster ({ nodes, options }) or the options of a store (those of Sentinel).
const target = process.env.TOKENKEEP_REDIS_TEST ?? process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const parsed = target.startsWith("{") ? JSON.parse(target) : { url: target };

// a way to the server that can fail, where the test file made one
const way = globalThis[Symbol.for("tokenkeep.test.way")];
const reached = way === undefined ? parsed : { url: way.url };

function openClient(keyPrefix) {
  const { url, ...options } = reached;
  const client = parsed.nodes
    ? new Cluster(parsed.nodes, { ...parsed.options, keyPrefix })
    : url
      ? new Redis(url, { keyPrefix })
      : new Redis({ ...options, keyPrefix });
  client.on("error", () => {}); // told by the calls too
  return client;
}

// A Cluster has no URL: its client is the caller's. Here it ends with its store, as a program's would.
class OnCluster extends RedisTokenStore {
  #client;
  constructor({ keyPrefix, ...options }) {
    const client = openClient(keyPrefix);
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
  client: {
    open: (space) => openClient(`${space.id}:`),
    store: (client, _space, options) => new RedisTokenStore({ client, ...options }),
    isOpen: async (client) => (await client.ping()) === "PONG",
    close: (client) => client.disconnect(),
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
