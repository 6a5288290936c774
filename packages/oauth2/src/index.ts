/**
 * One refresh for everybody: valid access tokens of any OAuth 2 provider, on any token store.
 * @module @tokenkeep/oauth2
 */
export type {
  FailureKind,
  Provider,
  RequestOptions,
  Rotation,
  TokenResponse,
} from "./provider.js";
export { ProviderError, type ProviderErrorOptions } from "./provider-error.js";
