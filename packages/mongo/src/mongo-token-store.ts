import { BaseTokenStore } from "@tokenkeep/core";
import { MongoBackend } from "./mongo-backend.js";
import { checkOptions, type MongoTokenStoreOptions } from "./options.js";

/**
 * A token store in one collection of MongoDB or FerretDB.
 *
 * It connects on first use. Many processes on many hosts may use the same collection.
 */
export class MongoTokenStore extends BaseTokenStore {
  /**
   * @param options a connection string (`mongodb://host/database`), or an object with `url`, `client` or `db`
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | MongoTokenStoreOptions) {
    const settings = checkOptions(typeof options === "string" ? { url: options } : options);
    const { namespace, timeoutMs, leaseMs } = settings;
    super(new MongoBackend(settings), { namespace, timeoutMs, leaseMs });
  }
}
