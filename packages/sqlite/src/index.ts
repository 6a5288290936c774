export type { AdoptionReport } from "./adoption.js";
export type { SqliteDatabase, SqliteStatement, SqliteTokenStoreOptions } from "./options.js";
export { SqliteTokenStore } from "./sqlite-token-store.js";
