import { tracingChannel } from "node:diagnostics_channel";
import { isTokenStoreError, type OAuthToken, type TokenStore } from "@tokenkeep/core";
import type { Provider } from "./provider.js";

/** What a message on `tokenkeep:refresh` says. Never a secret. */
export interface RefreshTrace {
  /** The store's backend: `redis`, `sqlite`, … */
  readonly backend: string;
  /** Always `refresh`. */
  readonly method: "refresh";
  /** The record's id. */
  readonly id: string;
  /** The provider's issuer. */
  readonly issuer: string | undefined;
  /** On `asyncEnd`: how it ended. */
  outcome?: "ok" | "error";
  /** On `asyncEnd`: the error's code. */
  code?: string;
}

const { start, asyncEnd } = tracingChannel<unknown, RefreshTrace>("tokenkeep:refresh");

/** Makes a refresh, and publishes its start and end where somebody subscribed. Otherwise computes nothing. */
export function tracedRefresh(
  store: TokenStore,
  provider: Provider,
  id: string,
  refresh: () => Promise<OAuthToken>,
): Promise<OAuthToken> {
  if (!start.hasSubscribers && !asyncEnd.hasSubscribers) return refresh();
  const message: RefreshTrace = {
    backend: store.constructor.name.replace(/TokenStore$/, "").toLowerCase(),
    method: "refresh",
    id,
    issuer: provider.issuer,
  };
  return start.runStores(message, () => {
    const result = refresh();
    result.then(
      () => {
        message.outcome = "ok";
        asyncEnd.publish(message);
      },
      (error) => {
        message.outcome = "error";
        if (isTokenStoreError(error)) message.code = error.code;
        asyncEnd.publish(message);
      },
    );
    return result;
  });
}
