import { BaseTokenStore } from "@tokenkeep/core/backend";
import { postgresBackend } from "./backend.js";
import { checkOptions, type PostgresTokenStoreOptions } from "./options.js";

/** A token store in PostgreSQL, for any number of processes on any number of hosts. */
export class PostgresTokenStore extends BaseTokenStore {
  /**
   * @param options `postgres://user:password@host:port/database`, or the options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | PostgresTokenStoreOptions) {
    const checked = checkOptions(options);
    const { namespace, timeoutMs, leaseMs, encryption } = checked;
    super(postgresBackend(checked), { namespace, timeoutMs, leaseMs, encryption });
  }
}
