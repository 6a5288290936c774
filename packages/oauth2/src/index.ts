/**
 * One refresh for everybody: valid access tokens of any OAuth 2 provider, on any token store.
 * @module @tokenkeep/oauth2
 */
export { classifyError } from "./classify.js";
export type { Askable, ClientAuthenticationMethod, ClientOptions } from "./client-authentication.js";
export { clientCredentials } from "./client-credentials.js";
export type { KeepAliveOptions, KeepAliveResult } from "./keep-alive.js";
export type { TokenManagerOptions } from "./manager-options.js";
export { type CommonProviderOptions, type OAuth2ProviderOptions, oauth2Provider } from "./oauth2-provider.js";
export type { FailureKind, Provider, RequestOptions, Rotation, TokenResponse } from "./provider.js";
export { ProviderError, type ProviderErrorOptions } from "./provider-error.js";
export { type Failure, type RefreshState, refreshStateOf } from "./refresh-state.js";
export { conformResponse } from "./response.js";
export type { ServerOptions } from "./server-metadata.js";
export { type GetTokenOptions, type SaveResponseOptions, TokenManager, type User } from "./token-manager.js";
export type { RefreshTrace } from "./tracing.js";
