// A store with a bug that only some sequences of calls show: the fourth save of a record loses its API domain.
import { MapTokenStore } from "./plain-store.mjs";

class RareBugStore extends MapTokenStore {
  async saveToken(token, options) {
    const saved = await super.saveToken(token, options);
    return saved.revision === 4 ? saved.with({ apiDomain: null }) : saved;
  }
}

export default {
  name: "rare-bug",
  open: (_space, options) => new RareBugStore(options),
};
