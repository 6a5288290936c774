import type { TokenFields } from "../src/fields.js";
import type { TokenRecord } from "../src/record.js";

/** A token with nothing given. */
export const none: TokenFields = {
  id: null,
  userName: null,
  clientId: null,
  clientSecret: null,
  redirectUrl: null,
  grantToken: null,
  refreshToken: null,
  accessToken: null,
  expiresAt: null,
  apiDomain: null,
  revision: null,
};

export function recordOf(fields: Partial<TokenRecord> & { id: string }): TokenRecord {
  return { ...none, revision: 1, etag: "e", createdAt: 1, savedAt: 1, ...fields };
}
