import { BaseTokenStore } from "@tokenkeep/core/backend";
import { MongoBackend } from "./backend.js";
import { checkOptions, type MongoTokenStoreOptions } from "./options.js";

/** A token store in one collection of MongoDB or FerretDB, for any number of processes on any number of hosts. */
export class MongoTokenStore extends BaseTokenStore {
  /**
   * Connects on first use.
   * @param options a connection string (`mongodb://host/database`), or the options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | MongoTokenStoreOptions) {
    const settings = checkOptions(typeof options === "string" ? { url: options } : options);
    super(new MongoBackend(settings), settings.common);
  }
}
