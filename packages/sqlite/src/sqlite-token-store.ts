import { BaseTokenStore } from "@tokenkeep/core";
import type { AdoptionReport } from "./adoption.js";
import { checkOptions, type SqliteTokenStoreOptions } from "./options.js";
import { SqliteBackend } from "./sqlite-backend.js";

/** A token store in a SQLite database, for any number of processes on one machine. */
export class SqliteTokenStore extends BaseTokenStore {
  readonly #backend: SqliteBackend;

  /**
   * @param options the path of the database file, `":memory:"`, or the options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | SqliteTokenStoreOptions) {
    const checked = checkOptions(options);
    const { namespace, timeoutMs, leaseMs } = checked;
    const backend = new SqliteBackend(checked);
    super(backend, { namespace, timeoutMs, leaseMs });
    this.#backend = backend;
  }

  /**
   * What became of the rows of a table `oauthtoken` of Zoho's sample in this database.
   * @returns null where there was none to bring over
   */
  async adoption(): Promise<AdoptionReport | null> {
    await this.ready();
    return this.#backend.adoption();
  }
}
