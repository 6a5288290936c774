// A store with a bug for the documents to show: `ifRevision: 0` is treated as none.
import { MapTokenStore } from "../../test/plain-store.mjs";

class MyStore extends MapTokenStore {
  async saveToken(token, options) {
    return super.saveToken(token, options?.ifRevision === 0 ? {} : options);
  }
}

export default {
  name: "my-store",
  open: (_space, options) => new MyStore(options),
};
