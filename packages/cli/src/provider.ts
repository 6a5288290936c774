import { oauth2Provider, type Provider } from "@tokenkeep/oauth2";
import { type ZohoDataCenter, zohoProvider } from "@tokenkeep/zoho-crm";
import { UsageError } from "./errors.js";

/** Which authorization server. Its client secret comes from `TOKENKEEP_CLIENT_SECRET`, never from the command line. */
export interface ProviderFlags {
  readonly issuer?: string | undefined;
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
  const clientSecret = process.env.TOKENKEEP_CLIENT_SECRET;
  const client = {
    ...(flags.clientId !== undefined && { clientId: flags.clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
  };
  if (flags.zoho !== undefined && flags.zoho !== false) {
    const dataCenter = flags.zoho === true ? "us" : flags.zoho;
    return zohoProvider({ ...client, dataCenter: dataCenter as ZohoDataCenter });
  }
  if (flags.issuer === undefined)
    throw new UsageError("Which provider? Give --issuer URL, or --zoho [us|eu|in|…].");
  return oauth2Provider({ ...client, issuer: flags.issuer });
}
