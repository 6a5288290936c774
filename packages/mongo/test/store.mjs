// The kit's module. The server's URL comes from the test file through the environment, which the kit's child
// processes inherit. Only the test file's own process has a proxy: children reach the server directly.
import { MongoTokenStore } from "@tokenkeep/mongo";
import { MongoClient } from "mongodb";

const url = process.env.TOKENKEEP_MONGO_TEST_URL ?? process.env.MONGODB_URL;
if (url === undefined) throw new Error("Set MONGODB_URL to a server's URL: mongodb://host/database.");

const proxy = globalThis[Symbol.for("tokenkeep.test.proxy")];
const storeUrl = proxy?.url ?? url;

const collectionOf = (space) => `kit_${space.id}`;

/** Does something with the collection of a space, undisturbed. */
async function withCollection(space, work) {
  const client = new MongoClient(url);
  try {
    return await work(client.db().collection(collectionOf(space)));
  } finally {
    await client.close();
  }
}

export default {
  name: "mongo",
  open: (space, options) =>
    new MongoTokenStore({ url: storeUrl, collection: collectionOf(space), ...options }),
  destroy: (space) => withCollection(space, (collection) => collection.drop()),
  dump: (space) =>
    withCollection(space, async (collection) => {
      const documents = await collection.find().toArray();
      return documents.flatMap((document) => Object.values(document)).join("\n");
    }),
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
