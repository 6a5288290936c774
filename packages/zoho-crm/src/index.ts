/**
 * Any store of tokenkeep as the token store of Zoho's official CRM SDKs, and the import from the SDKs' own stores.
 * @module @tokenkeep/zoho-crm
 */
export { asUser, type UserSdk, type UserSettings } from "./as-user.js";
export type { Problem, ZohoClient, ZohoRow } from "./formats/columns.js";
export { type ImportOptions, type ImportReport, importTokens } from "./import/import-tokens.js";
export { fromZohoMysql, type MysqlCallbacks, type MysqlPromises } from "./import/mysql.js";
export { fromZohoFile, fromZohoTable, type ZohoTokens } from "./import/read.js";
export { fromZohoSqlite, type SqliteReader } from "./import/sqlite.js";
export type { TableOptions } from "./import/tables.js";
export type { ClassOrModule, SdkClasses, SdkToken, SdkUser, ZohoTokenStore } from "./sdk.js";
export { type ZohoDataCenter, type ZohoProviderOptions, zohoProvider } from "./zoho-provider.js";
export { type ZohoTokenStoreOptions, zohoTokenStore } from "./zoho-token-store.js";
