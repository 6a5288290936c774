// A store with the bug that Zoho's own has: an empty query returns the first record.
import { MapTokenStore } from "./plain-store.mjs";

class FirstRecordStore extends MapTokenStore {
  async findToken(query) {
    return (await super.findToken(query)) ?? (await this.getTokens())[0] ?? null;
  }
}

export default {
  name: "first-record",
  open: (_space, options) => new FirstRecordStore(options),
};
