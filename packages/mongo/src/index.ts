/**
 * A store in MongoDB or FerretDB, through the driver mongodb.
 * @module @tokenkeep/mongo
 */
export { MongoTokenStore } from "./mongo-token-store.js";
export type { BorrowedClient, BorrowedDb, MongoTokenStoreOptions } from "./options.js";
