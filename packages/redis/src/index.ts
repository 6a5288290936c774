/**
 * A store for OAuth tokens in Redis or Valkey: single, behind Sentinel, or a Cluster.
 * @module @tokenkeep/redis
 */
export type { RedisClient, RedisTokenStoreOptions } from "./options.js";
export { RedisTokenStore } from "./redis-token-store.js";
export { type RedisKeys, redisKeys } from "./schema.js";
