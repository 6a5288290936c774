import type { MaybePromise } from "../backend.js";
import type { Deadline } from "../deadline.js";
import { TokenStoreError } from "../errors.js";
import type { TokenStore } from "../token-store.js";
import type { SealedBackend } from "./sealed-backend.js";

// A symbol that two copies of this package share, so that a tool can work on the store of a program.
const STORED = Symbol.for("tokenkeep.stored");

/**
 * Access to the records of a store as they are stored.
 * @internal
 */
export interface StoredAccess {
  /** Whether the store refuses plaintext. */
  readonly requireEncrypted: boolean;
  /**
   * Runs one call, as the store's own methods do: it opens the store first, and keeps a time limit.
   * @param work what to do
   * @param timeoutMs the time limit in milliseconds, where it is not the store's own
   */
  run<T>(
    work: (backend: SealedBackend, deadline: Deadline) => MaybePromise<T>,
    timeoutMs?: number,
  ): Promise<T>;
}

/** Gives {@link rekey} and its like access to a store, and shows nothing of it to anybody else. */
export function giveStoredAccess(store: TokenStore, access: StoredAccess): void {
  Object.defineProperty(store, STORED, { value: access });
}

/**
 * Access to the records of a store as they are stored, for tools and tests.
 * @param store a store that is built on `BaseTokenStore`
 * @returns the access
 * @throws TokenStoreError `ERR_UNSUPPORTED` for any other store
 * @internal
 */
export function storedAccessOf(store: TokenStore): StoredAccess {
  const access = (store as { [STORED]?: StoredAccess } | null | undefined)?.[STORED];
  if (access !== undefined) return access;
  throw new TokenStoreError(
    "ERR_UNSUPPORTED",
    "This store is not a BaseTokenStore of @tokenkeep/core, which encryption needs.",
  );
}
