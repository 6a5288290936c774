export { readZohoCsv } from "./csv.js";
export { type Joined, type JoinedEntry, joinTokens } from "./join.js";
export type { Problem, ReadRow, ZohoRead } from "./read.js";
export { readZohoRows } from "./rows.js";
