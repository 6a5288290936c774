import { BaseTokenStore } from "@tokenkeep/core";
import { checkOptions, type RedisTokenStoreOptions } from "./options.js";
import { RedisBackend } from "./redis-backend.js";

/**
 * A token store in Redis or Valkey, shared by many processes on many hosts: single, behind Sentinel (options
 * `sentinels` and `name`), or a Cluster (its client as `client`). It connects on first use.
 */
export class RedisTokenStore extends BaseTokenStore {
  /**
   * @param options a URL, or options with a `url`, with those of ioredis, or with a `client` that is open
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: string | RedisTokenStoreOptions) {
    const settings = checkOptions(options);
    const { namespace, timeoutMs } = settings;
    const leaseMs = typeof options === "string" ? undefined : options.leaseMs;
    super(new RedisBackend(settings), { namespace, timeoutMs, leaseMs });
  }
}
