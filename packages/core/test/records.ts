import { NO_FIELDS, type TokenFields } from "../src/properties.js";
import type { TokenRecord } from "../src/record.js";

/** A token with nothing given. */
export const none: TokenFields = NO_FIELDS;

export function recordOf(fields: Partial<TokenRecord> & { id: string }): TokenRecord {
  return { ...none, revision: 1, etag: "e", createdAt: 1, savedAt: 1, ...fields };
}
