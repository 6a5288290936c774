export { MongoTokenStore } from "./mongo-token-store.js";
export type { MongoTokenStoreOptions } from "./options.js";
