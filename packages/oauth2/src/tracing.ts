import type { OAuthToken, TokenStore } from "@tokenkeep/core";
import { placeOf, type TraceContext, traced } from "@tokenkeep/core/backend";
import type { Provider } from "./provider.js";

/** What a message on `tokenkeep:refresh` says. Never a secret. */
export interface RefreshTrace extends TraceContext {
  /** The provider's issuer. */
  readonly issuer: string | undefined;
}

/** Makes a refresh, and publishes its start and end where somebody subscribed. */
export function tracedRefresh(
  store: TokenStore,
  { issuer }: Provider,
  id: string,
  refresh: () => Promise<OAuthToken>,
): Promise<OAuthToken> {
  const context = (): RefreshTrace => ({ ...placeOf(store), method: "refresh", id, issuer });
  return traced("refresh", context, refresh);
}
