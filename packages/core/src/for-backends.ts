/**
 * What the author of a store needs: the seam for a backend, and what every backend has in common.
 * @module @tokenkeep/core/backend
 */
export type { Backend, Cursor, Leases, MaybePromise } from "./backend.js";
export { BaseTokenStore } from "./base-token-store.js";
export { Deadline, isPromise } from "./deadline.js";
export type { CheckedEncryption } from "./encryption/options.js";
export { type StoredAccess, storedAccessOf } from "./encryption/stored-access.js";
export { type StoredRecord, storedRecords } from "./encryption/stored-records.js";
export {
  codeOf,
  type ErrorRule,
  isError,
  passwordsInUrl,
  redact,
  redactor,
  translateError,
} from "./errors.js";
export { KeyedQueue } from "./keyed-queue.js";
export { FREE_LEASE, grantLease, type LeaseState, releaseLease, renewLease } from "./leases.js";
export { KEY_KINDS, keysOf, type Lookup, type LookupKind, type RecordKeys, UNIQUE_KEYS } from "./lookups.js";
export { opaqueKey } from "./opaque-key.js";
export {
  type CheckedStoreOptions,
  checkFunction,
  checkMs,
  checkOptionNames,
  checkSignal,
  checkStoreOptions,
  checkUrl,
  invalidOption,
} from "./options.js";
export { FIELD_NAMES, type FieldName, SECRETS, type TokenFields } from "./properties.js";
export { decodeRecord, encodeRecord, type TokenRecord } from "./record.js";
export { RecordMap } from "./record-map.js";
export { placeOf, type StorePlace, type TraceContext, traced } from "./tracing.js";
