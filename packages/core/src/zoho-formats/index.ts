/**
 * Readers for the file and the table of the stores that come with Zoho's SDKs.
 * @module @tokenkeep/core/zoho-formats
 */
export { readZohoCsv } from "./csv.js";
export { type Joined, type JoinedEntry, joinTokens } from "./join.js";
export type { Problem, ReadRow, ZohoRead } from "./read.js";
export { readZohoRows } from "./rows.js";
