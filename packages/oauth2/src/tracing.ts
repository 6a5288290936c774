import { type TracingChannel, tracingChannel } from "node:diagnostics_channel";
import type { OAuthToken, TokenStore } from "@tokenkeep/core";
import { placeOf, type TraceContext, traced } from "@tokenkeep/core/backend";
import type { Provider } from "./provider.js";

/** What a message on `tokenkeep:refresh` says. Never a secret. */
export interface RefreshTrace extends TraceContext {
  /** The provider's issuer. */
  readonly issuer: string | undefined;
}

const REFRESHES: TracingChannel<unknown, RefreshTrace> = tracingChannel("tokenkeep:refresh");

/** Makes a refresh, and publishes its start and end where somebody subscribed. */
export function tracedRefresh(
  store: TokenStore,
  { issuer }: Provider,
  id: string,
  refresh: () => Promise<OAuthToken>,
): Promise<OAuthToken> {
  return traced(REFRESHES, () => ({ ...placeOf(store), method: "refresh", id, issuer }), refresh);
}
