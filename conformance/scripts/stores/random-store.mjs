// A store with a bug for the documents to show: an empty query returns the first record.
import { MapTokenStore } from "../../test/plain-store.mjs";

class FirstRecordStore extends MapTokenStore {
  async findToken(query) {
    return (await super.findToken(query)) ?? (await this.getTokens())[0] ?? null;
  }
}

export default {
  name: "random-store",
  open: (_space, options) => new FirstRecordStore(options),
};
