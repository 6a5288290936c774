/**
 * A store in Redis or Valkey, through ioredis.
 * @module @tokenkeep/redis
 */
export type { RedisClient, RedisConnectionOptions, RedisTokenStoreOptions } from "./options.js";
export { RedisTokenStore } from "./redis-token-store.js";
