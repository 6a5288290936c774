import { BaseTokenStore } from "@tokenkeep/core/backend";
import { mysqlBackend } from "./backend.js";
import { checkOptions, type MysqlTokenStoreOptions } from "./options.js";

/** A token store in MySQL or MariaDB, for any number of processes on any number of hosts. */
export class MysqlTokenStore extends BaseTokenStore {
  /**
   * @param options `mysql://user:password@host:port/database`, or the options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | MysqlTokenStoreOptions) {
    const checked = checkOptions(options);
    const { namespace, timeoutMs, leaseMs, encryption } = checked;
    super(mysqlBackend(checked), { namespace, timeoutMs, leaseMs, encryption });
  }
}
