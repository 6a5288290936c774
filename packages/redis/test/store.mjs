import { RedisTokenStore } from "@tokenkeep/redis";
import { Cluster, Redis } from "ioredis";

// Set by the test file that registers the kit; child processes inherit it. A URL is a single server; JSON is a
// Cluster ({ nodes, options }), or the options of a client (those of Sentinel).
const target = process.env.TOKENKEEP_REDIS_TEST ?? process.env.REDIS_URL ?? "redis://127.0.0.1:6379";
const parsed = target.startsWith("{") ? JSON.parse(target) : { url: target };

// A proxy in front of the server, where the test file started one. Child processes reach the server directly.
const proxy = globalThis[Symbol.for("tokenkeep.test.proxy")];
const reached = proxy === undefined ? parsed : { url: `redis://127.0.0.1:${proxy.port}` };

function openClient(keyPrefix) {
  const { url, nodes, options, ...clientOptions } = reached;
  const client = nodes
    ? new Cluster(nodes, { ...options, keyPrefix })
    : url
      ? new Redis(url, { keyPrefix })
      : new Redis({ ...clientOptions, keyPrefix });
  client.on("error", () => {}); // its calls reject too
  return client;
}

// A Cluster has no URL: its client is the caller's. Here it ends with its store, as a program's would.
class OnCluster extends RedisTokenStore {
  #client;
  constructor(options, keyPrefix) {
    const client = openClient(keyPrefix);
    super({ ...options, client });
    this.#client = client;
  }
  async close() {
    await super.close();
    this.#client.disconnect();
  }
}

/** Every key of a space with what it holds. */
async function dump(space) {
  const client = openClient("");
  try {
    await client.ping(); // only then a Cluster knows its nodes
    const nodes = client instanceof Cluster ? client.nodes("master") : [client];
    const texts = [];
    for (const node of nodes) {
      for await (const keys of node.scanStream({ match: `${space.id}:*`, count: 1000 })) {
        for (const key of keys) texts.push(key, JSON.stringify(await contentOf(node, key)));
      }
    }
    return texts.join("\n");
  } finally {
    client.disconnect();
  }
}

async function contentOf(node, key) {
  switch (await node.type(key)) {
    case "hash":
      return node.hgetall(key);
    case "zset":
      return node.zrange(key, 0, -1, "WITHSCORES");
    case "set":
      return node.smembers(key);
    default:
      return node.get(key);
  }
}

// The spaces are kept apart by a prefix, so that the whole namespace is the kit's.
export default {
  name: "redis",
  open: (space, options) => {
    const keyPrefix = `${space.id}:`;
    if (reached.nodes) return new OnCluster(options, keyPrefix);
    const { url, ...clientOptions } = reached;
    return new RedisTokenStore({
      ...options,
      ...(url && { url }),
      clientOptions: { ...clientOptions, keyPrefix },
    });
  },
  dump,
  client: {
    open: (space) => openClient(`${space.id}:`),
    store: (client, _space, options) => new RedisTokenStore({ ...options, client }),
    isOpen: async (client) => (await client.ping()) === "PONG",
    close: (client) => client.disconnect(),
  },
  ...(proxy !== undefined && { disruptions: proxy }),
};
