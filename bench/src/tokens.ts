import type { TokenInput } from "@tokenkeep/core";

/** The token of user number `i`, of a real one's size. */
export function tokenOf(i: number, version = 0): TokenInput & { userSignature: { name: string } } {
  return {
    userSignature: { name: `user${i}@example.com:${700_000_000 + i}` },
    clientId: "1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123",
    clientSecret: "0123456789abcdef0123456789abcdef0123456789",
    redirectUrl: "https://example.com/oauth/callback",
    refreshToken: `1000.refresh${i}.0123456789abcdef0123456789abcdef`,
    accessToken: `1000.access${i}.${version}.0123456789abcdef0123456789abcdef`,
    expiresAt: 1_800_000_000_000 + version,
    apiDomain: "https://api.example.com",
  };
}

const queries: (TokenInput & { userSignature: { name: string } })[] = [];

/** What a program asks for: the token of a user under its client. Made once, so as not to be measured. */
export function queryOf(i: number): TokenInput & { userSignature: { name: string } } {
  const made = queries[i];
  if (made !== undefined) return made;
  const { userSignature, clientId } = tokenOf(i);
  const query = { userSignature, clientId };
  queries[i] = query;
  return query;
}

/** What a program asks for that knows nothing but the refresh token. */
export function tokenQueryOf(i: number): TokenInput {
  return { refreshToken: tokenOf(i).refreshToken };
}

/** What a program saves that knows nothing but the refresh token and what a refresh with it came to. */
export function refreshOf(i: number, version: number): TokenInput {
  const { refreshToken, accessToken, expiresAt } = tokenOf(i, version);
  return { refreshToken, accessToken, expiresAt };
}
