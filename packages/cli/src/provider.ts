import type { OAuthToken } from "@tokenkeep/core";
import { oauth2Provider, type Provider } from "@tokenkeep/oauth2";
import { type ZohoDataCenter, zohoProvider } from "@tokenkeep/zoho-crm";
import { UsageError } from "./errors.js";

/** Which authorization server. Its client secret comes from `TOKENKEEP_CLIENT_SECRET`, never from the command line. */
export interface ProviderFlags {
  readonly issuer?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
  readonly revocationEndpoint?: string | undefined;
  readonly zoho?: string | boolean | undefined;
  readonly clientId?: string | undefined;
}

/**
 * The provider that the flags name.
 * @param flags the options of the command
 * @returns the provider
 * @throws UsageError
 */
export function providerFrom(flags: ProviderFlags): Provider {
  const { issuer, tokenEndpoint, revocationEndpoint, zoho, clientId } = flags;
  const clientSecret = process.env.TOKENKEEP_CLIENT_SECRET;
  const client = {
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
  };
  if (zoho !== undefined && zoho !== false) {
    const dataCenter = zoho === true ? "us" : zoho;
    return zohoProvider({ ...client, tokenEndpoint, dataCenter: dataCenter as ZohoDataCenter });
  }
  if (issuer === undefined && tokenEndpoint === undefined)
    throw new UsageError("Which provider? Give --issuer URL, --token-endpoint URL, or --zoho [us|eu|in|…].");
  return oauth2Provider({ ...client, issuer, tokenEndpoint, revocationEndpoint });
}

/**
 * Whether a record without an issuer may be this provider's: its client is the one that the flags name, or without
 * such a flag it names one of Zoho's API domains. No other provider may see its refresh token.
 */
export function mayBelong(token: OAuthToken, { clientId, zoho }: ProviderFlags): boolean {
  if (clientId !== undefined) return token.clientId === clientId;
  if (zoho === undefined || zoho === false || token.apiDomain === null) return false;
  return URL.canParse(token.apiDomain) && ZOHO.test(new URL(token.apiDomain).hostname);
}

const ZOHO = /(^|\.)zohoapis\.(com|eu|in|jp|ca|sa|com\.au|com\.cn)$/;
