import { MongoTokenStore } from "@tokenkeep/mongo";
import { MongoClient } from "mongodb";

// Set by the test file that registers the kit; child processes inherit it.
const url = process.env.TOKENKEEP_MONGO_TEST_URL;

export default {
  name: "mongo",
  // processes that race for one value cost FerretDB a second each (see the README), and a busy machine more
  open: (space, options) =>
    new MongoTokenStore({ url, collection: `kit_${space.id}`, timeoutMs: 30_000, ...options }),
  destroy: async (space) => {
    const client = new MongoClient(url);
    try {
      await client.db().dropCollection(`kit_${space.id}`);
    } finally {
      await client.close();
    }
  },
};
