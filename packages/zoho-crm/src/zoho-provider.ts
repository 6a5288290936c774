import { type OAuthToken, TokenStoreError } from "@tokenkeep/core";
import {
  classifyError,
  type FailureKind,
  type OAuth2ProviderOptions,
  oauth2Provider,
  type Provider,
  type RequestOptions,
} from "@tokenkeep/oauth2";

/** Zoho's data centres, and the domains of their servers: `zohoapis` for requests, `accounts` for tokens. */
const DATA_CENTERS: Readonly<Record<ZohoDataCenter, { accounts: string; api: string }>> = {
  us: { api: "zohoapis.com", accounts: "accounts.zoho.com" },
  eu: { api: "zohoapis.eu", accounts: "accounts.zoho.eu" },
  in: { api: "zohoapis.in", accounts: "accounts.zoho.in" },
  au: { api: "zohoapis.com.au", accounts: "accounts.zoho.com.au" },
  jp: { api: "zohoapis.jp", accounts: "accounts.zoho.jp" },
  cn: { api: "zohoapis.com.cn", accounts: "accounts.zoho.com.cn" },
  ca: { api: "zohoapis.ca", accounts: "accounts.zohocloud.ca" },
  sa: { api: "zohoapis.sa", accounts: "accounts.zoho.sa" },
} as const;

/** A data centre of Zoho's. */
export type ZohoDataCenter = "us" | "eu" | "in" | "au" | "jp" | "cn" | "ca" | "sa";

/** How {@link zohoProvider} reaches Zoho. */
export interface ZohoProviderOptions
  extends Pick<OAuth2ProviderOptions, "clientId" | "clientSecret" | "fetch" | "defaultLifetimeMs"> {
  /** Where to refresh tokens whose `apiDomain` is not of one of Zoho's data centres; `"us"` by default. */
  readonly dataCenter?: ZohoDataCenter | undefined;
  /** The token endpoint instead of a data centre: an SDK's `environment.getAccountsUrl()`. */
  readonly tokenEndpoint?: string | URL | undefined;
}

/**
 * Zoho as a provider for `TokenManager`. A user's tokens are good in one data centre only, and the record's `apiDomain`
 * says in which one: one manager serves the users of all. Zoho does not rotate refresh tokens, and it answers errors
 * with HTTP 200.
 *
 * @param options the client, by default each record's own, and where records belong that don't say
 * @returns the provider
 * @throws TokenStoreError `ERR_INVALID_OPTIONS`
 */
export function zohoProvider(options: ZohoProviderOptions = {}): Provider {
  if (typeof options !== "object" || options === null) {
    throw new TokenStoreError("ERR_INVALID_OPTIONS", "The options must be an object.");
  }
  const { dataCenter = "us", tokenEndpoint, ...rest } = options;
  if (typeof dataCenter !== "string" || !Object.hasOwn(DATA_CENTERS, dataCenter)) {
    const names = Object.keys(DATA_CENTERS).join(", ");
    throw new TokenStoreError("ERR_INVALID_OPTIONS", `dataCenter must be one of ${names}.`);
  }
  if (tokenEndpoint !== undefined && typeof tokenEndpoint !== "string" && !(tokenEndpoint instanceof URL)) {
    throw new TokenStoreError("ERR_INVALID_OPTIONS", "tokenEndpoint must be a URL.");
  }
  const endpoint = tokenEndpoint === undefined ? endpointOf(dataCenter) : String(tokenEndpoint);
  const providers = new Map<string, Provider>();
  const at = (tokenEndpoint: string): Provider => {
    let provider = providers.get(tokenEndpoint);
    if (provider === undefined) {
      provider = oauth2Provider({
        ...rest,
        tokenEndpoint,
        revocationEndpoint: `${tokenEndpoint}/revoke`,
        clientAuthentication: "client_secret_post",
        rotation: "none",
      });
      providers.set(tokenEndpoint, provider);
    }
    return provider;
  };
  const providerOf = ({ apiDomain }: OAuthToken): Provider => {
    const home = dataCenterOf(apiDomain);
    return at(home === undefined ? endpoint : endpointOf(home));
  };
  return {
    // without the issuer: it is another one in each data centre
    rotation: "none",
    ...(typeof rest.clientId === "string" ? { clientId: rest.clientId } : {}),
    // Zoho's access tokens last an hour
    defaultLifetimeMs: at(endpoint).defaultLifetimeMs ?? 3_600_000,
    classify,
    refresh: async (token, request) => providerOf(token).refresh(token, request),
    revoke: (token, request) => revoke(providerOf(token), token, request),
  };
}

function endpointOf(dataCenter: ZohoDataCenter): string {
  return `https://${DATA_CENTERS[dataCenter].accounts}/oauth/v2/token`;
}

/** The data centre of an API's URL such as `https://www.zohoapis.eu` or `https://sandbox.zohoapis.com.au`. */
function dataCenterOf(apiDomain: string | null): ZohoDataCenter | undefined {
  const host = apiDomain !== null && URL.canParse(apiDomain) ? new URL(apiDomain).hostname : "";
  const domain = host.slice(host.indexOf(".") + 1);
  const found = Object.entries(DATA_CENTERS).find(([, { api }]) => api === domain || api === host);
  return found?.[0] as ZohoDataCenter | undefined;
}

/** What Zoho says of a refresh token that was revoked, or that it never issued. */
const UNKNOWN_TOKEN: readonly unknown[] = ["invalid_code", "invalid_token"];

function classify(error: unknown): FailureKind {
  const { error: code } = error as { error?: unknown };
  if (UNKNOWN_TOKEN.includes(code)) return "login";
  if (code === "invalid_client_secret") return "client";
  return classifyError(error);
}

async function revoke(provider: Provider, token: OAuthToken, request: RequestOptions): Promise<void> {
  try {
    await provider.revoke?.(token, request);
  } catch (error) {
    if (!UNKNOWN_TOKEN.includes((error as { error?: unknown }).error)) throw error;
  }
}
