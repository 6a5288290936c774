export type { RedisClient, RedisConnectionOptions, RedisTokenStoreOptions } from "./options.js";
export { RedisTokenStore } from "./redis-token-store.js";
