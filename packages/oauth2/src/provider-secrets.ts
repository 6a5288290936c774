import type { OAuthToken } from "@tokenkeep/core";

/**
 * The secrets of a record, to be masked in a provider's text.
 * @param token the record
 * @returns those that it has
 */
export function secretsOf(token: OAuthToken): string[] {
  const { clientSecret, grantToken, refreshToken, accessToken, idToken } = token;
  return [clientSecret, grantToken, refreshToken, accessToken, idToken].filter((value) => value !== null);
}
