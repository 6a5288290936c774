import { BaseTokenStore } from "@tokenkeep/core/backend";
import { RedisBackend } from "./backend.js";
import { checkOptions, type RedisTokenStoreOptions } from "./options.js";

/** A token store in Redis or Valkey, for any number of processes on any number of hosts. It connects on first use. */
export class RedisTokenStore extends BaseTokenStore {
  /**
   * @param options a URL, or the options
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | RedisTokenStoreOptions) {
    const checked = checkOptions(options);
    const { namespace, timeoutMs, leaseMs, encryption } = checked;
    super(new RedisBackend(checked), { namespace, timeoutMs, leaseMs, encryption });
  }
}
