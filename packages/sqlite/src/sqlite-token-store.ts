import { BaseTokenStore } from "@tokenkeep/core/backend";
import { SqliteBackend } from "./backend.js";
import { checkOptions, type SqliteTokenStoreOptions } from "./options.js";

/** A token store in a SQLite database, for any number of processes on one machine. */
export class SqliteTokenStore extends BaseTokenStore {
  /**
   * @param options the path of the database file, `":memory:"`, or the options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | SqliteTokenStoreOptions) {
    const checked = checkOptions(options);
    const { namespace, timeoutMs, leaseMs, encryption } = checked;
    super(new SqliteBackend(checked), { namespace, timeoutMs, leaseMs, encryption });
  }
}
