/**
 * The contract of a store for OAuth tokens, and everything that is the same in each of them: the token, the
 * rules, the errors, the locks, and the seam for a backend of your own.
 * @module @tokenkeep/core
 */
export type { Backend, Leases, MaybePromise, Place } from "./backend.js";
export { BaseTokenStore } from "./base-token-store.js";
export { type Deadline, Deadlines } from "./deadlines.js";
export {
  isTokenStoreError,
  TokenStoreError,
  type TokenStoreErrorCode,
  type TokenStoreErrorOptions,
  withoutSecrets,
} from "./errors.js";
export type { TokenFields } from "./fields.js";
export { keysOf, type Lookup, type LookupKind, type RecordKeys, UNIQUE_KEYS } from "./lookups.js";
export { opaqueKey } from "./opaque-key.js";
export { checkMs, checkStoreOptions, invalidOption, type StoreOptions } from "./options.js";
export { TOKEN_COLUMNS, type TokenColumn, type TokenRecord } from "./record.js";
export { OAuthToken, type PlainToken, type TokenInput, UserSignature } from "./token.js";
export type { Capabilities, Lease, LockOptions, SaveOptions, TokenStore } from "./token-store.js";
