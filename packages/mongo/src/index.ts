/**
 * A store in MongoDB or FerretDB, through the driver mongodb.
 * @module @tokenkeep/mongo
 */
export { MongoTokenStore } from "./mongo-token-store.js";
export type { MongoTokenStoreOptions } from "./options.js";
