// A store with a bug for the documents to show: `ifRevision: 0` is taken for none.
import { MapTokenStore } from "../../test/plain-store.mjs";

class MyStore extends MapTokenStore {
  async saveToken(token, options) {
    return options?.ifRevision ? super.saveToken(token, options) : super.saveToken(token);
  }
}

export default {
  name: "my-store",
  open: (_space, options) => new MyStore(options),
};
