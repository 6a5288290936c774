/**
 * Any of the stores as the token store of Zoho's official CRM SDKs, and the way from the SDK's own.
 * @module @tokenkeep/zoho-crm
 */
export type { Problem } from "@tokenkeep/core/zoho-formats";
export { fromZohoFile, fromZohoTable, type ImportReport, importTokens, type ZohoTokens } from "./import.js";
export type { ClassOrModule, SdkClasses, SdkToken, SdkUser, ZohoTokenStore } from "./sdk.js";
export { zohoTokenStore } from "./zoho-token-store.js";
