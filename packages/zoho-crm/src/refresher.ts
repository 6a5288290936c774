import type { OAuthToken, TokenStore } from "@tokenkeep/core";
import { TokenManager, type TokenManagerOptions } from "@tokenkeep/oauth2";
import { type ClassOrModule, classOf, type SdkToken } from "./sdk.js";
import { zohoProvider } from "./zoho-provider.js";

/** The used part of an SDK's initializer: what it was initialised with. */
interface SdkInitializer {
  getEnvironment(): { getAccountsUrl(): string } | null | undefined;
  getToken(): Partial<SdkToken> | null | undefined;
}

/** An access token that is valid for less than this is refreshed, in milliseconds. The SDKs do so at 5 s. */
const MIN_VALIDITY_MS = 60_000;

/**
 * Refreshes records before the SDK sees that they have expired: once, however many calls and processes need it. The
 * SDK would refresh in each call. It does not wait for a lock either, and could not release one if its own refresh
 * failed.
 */
export class Refresher {
  readonly #store: TokenStore;
  readonly #current: () => Promise<SdkInitializer | undefined>;
  readonly #options: TokenManagerOptions;
  /** By the URL at which the SDK refreshes tokens. */
  readonly #managers = new Map<string, TokenManager>();

  constructor(
    store: TokenStore,
    Initializer: ClassOrModule<object> | undefined,
    options: TokenManagerOptions,
  ) {
    const sdk = classOf(Initializer, "Initializer") as {
      getInitializer(): Promise<SdkInitializer | undefined>;
    };
    this.#store = store;
    this.#current = () => sdk.getInitializer();
    this.#options = options;
    // a store without locks is refused now rather than at the first refresh
    this.#managerAt(undefined);
  }

  /**
   * The record with an access token that is valid.
   * @param record what was found
   * @param token the SDK's token, which may know a newer client secret
   * @throws TokenStoreError `ERR_LOGIN_REQUIRED`, `ERR_PROVIDER`, or what the store rejects with
   */
  async fresh(record: OAuthToken, token?: SdkToken): Promise<OAuthToken> {
    if (record.id === null || !this.#isStale(record)) return record;
    // a record with a grant token alone is for the SDK to exchange
    if (record.refreshToken === null) return record;
    const current = await this.#current();
    await this.#keepSecret(record, token ?? current?.getToken());
    const manager = this.#managerAt(current?.getEnvironment()?.getAccountsUrl());
    return manager.getToken({ id: record.id });
  }

  #isStale({ accessToken, expiresAt }: OAuthToken): boolean {
    const { minValidityMs = MIN_VALIDITY_MS } = this.#options;
    return accessToken === null || (expiresAt !== null && expiresAt - Date.now() < minValidityMs);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#managers.values()].map((manager) => manager.close()));
  }

  #managerAt(tokenEndpoint: string | undefined): TokenManager {
    const key = tokenEndpoint ?? "";
    let manager = this.#managers.get(key);
    if (manager === undefined) {
      const provider = zohoProvider(tokenEndpoint === undefined ? {} : { tokenEndpoint });
      manager = new TokenManager(this.#store, provider, this.#options);
      this.#managers.set(key, manager);
    }
    return manager;
  }

  /** Saves the secret that the program gives to the SDK, if it was changed since the login. */
  async #keepSecret(record: OAuthToken, token: Partial<SdkToken> | null | undefined): Promise<void> {
    const clientSecret = token?.getClientSecret?.();
    if (!clientSecret || clientSecret === record.clientSecret) return;
    if (token?.getClientId?.() !== record.clientId) return;
    await this.#store.saveToken(record.with({ clientSecret }));
  }
}
