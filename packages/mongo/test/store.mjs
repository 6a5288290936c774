import { MongoTokenStore } from "@tokenkeep/mongo";
import { MongoClient } from "mongodb";

// Set by the test file that registers the kit; child processes inherit it.
const url = process.env.TOKENKEEP_MONGO_TEST_URL;

export default {
  name: "mongo",
  open: (space, options) => new MongoTokenStore({ url, collection: `kit_${space.id}`, ...options }),
  destroy: async (space) => {
    const client = new MongoClient(url);
    try {
      await client.db().dropCollection(`kit_${space.id}`);
    } finally {
      await client.close();
    }
  },
};
