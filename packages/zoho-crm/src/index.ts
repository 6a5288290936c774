/**
 * Any store of tokenkeep as the token store of Zoho's official CRM SDKs, and the import from the SDKs' own stores.
 * @module @tokenkeep/zoho-crm
 */
export type { Problem, ZohoClient, ZohoRow } from "./formats/columns.js";
export { type ImportOptions, type ImportReport, importTokens } from "./import/import-tokens.js";
export { fromZohoMysql, type MysqlCallbacks, type MysqlPromises } from "./import/mysql.js";
export { fromZohoFile, fromZohoTable, type ZohoTokens } from "./import/read.js";
export { fromZohoSqlite, type SqliteReader } from "./import/sqlite.js";
export type { TableOptions } from "./import/tables.js";
export type { ClassOrModule, SdkClasses, SdkToken, SdkUser, ZohoTokenStore } from "./sdk.js";
export { zohoTokenStore } from "./zoho-token-store.js";
