// The kit's module. The server's URL comes from the test file through the environment, which the kit's child
// processes inherit. The proxy comes only to the test file's own process: children go straight to the server.
import { MongoTokenStore } from "@tokenkeep/mongo";
import { MongoClient } from "mongodb";

const url = process.env.TOKENKEEP_MONGO_TEST_URL ?? process.env.MONGODB_URL;
if (url === undefined) throw new Error("Set MONGODB_URL to a server's URL: mongodb://host/database.");

const proxy = globalThis[Symbol.for("tokenkeep.test.proxy")];
const storeUrl = proxy?.url ?? url;

const collectionOf = (space) => `kit_${space.id}`;

export default {
  name: "mongo",
  open: (space, options) =>
    new MongoTokenStore({ url: storeUrl, collection: collectionOf(space), ...options }),
  destroy: async (space) => {
    const client = new MongoClient(url);
    try {
      await client.db().dropCollection(collectionOf(space));
    } finally {
      await client.close();
    }
  },
  client: {
    open: () => new MongoClient(storeUrl).connect(),
    store: (client, space, options) =>
      new MongoTokenStore({ client, collection: collectionOf(space), ...options }),
    isOpen: (client) =>
      client
        .db()
        .command({ ping: 1 })
        .then(
          () => true,
          () => false,
        ),
    close: (client) => client.close(),
  },
  ...(proxy !== undefined && { disruptions: proxy }),
};
