/**
 * The contract of a store for OAuth tokens: the token, the store, the errors. Authors of stores find the rest in
 * `@tokenkeep/core/backend`.
 * @module @tokenkeep/core
 */
export {
  type EncryptionKey,
  type EncryptionOptions,
  generateKey,
  type KeyMaterial,
  type KeysInUse,
  keysFromEnvironment,
  keysFromFile,
  keysInUse,
  parseKeys,
  type RekeyOptions,
  type RekeyProgress,
  type RekeyReport,
  rekey,
  type SecretKey,
  type UnreadableRecord,
  type VerifyOptions,
  type VerifyReport,
  verify,
} from "./encryption/index.js";
export {
  isTokenStoreError,
  TokenStoreError,
  type TokenStoreErrorCode,
  type TokenStoreErrorOptions,
} from "./errors.js";
export type { PersistentStoreOptions, StoreOptions } from "./options.js";
export type { JsonObject, JsonValue } from "./properties.js";
export { type PruneOptions, type PruneReport, pruneTokens } from "./prune.js";
export { OAuthToken, type PlainToken, type TokenInput, UserSignature } from "./token.js";
export type {
  Capabilities,
  DeleteOptions,
  Lease,
  LockOptions,
  SaveOptions,
  TokenStore,
} from "./token-store.js";
