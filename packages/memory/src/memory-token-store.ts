import { BaseTokenStore, checkStoreOptions, type StoreOptions } from "@tokenkeep/core";
import { MemoryBackend } from "./memory-backend.js";

/** Those of every store; `namespace` makes no difference here, as each instance is apart. */
export type MemoryTokenStoreOptions = StoreOptions;

/**
 * A token store in the memory of this process. Each instance is a space of its own: nothing outlives it,
 * and no other instance sees it.
 */
export class MemoryTokenStore extends BaseTokenStore {
  /**
   * @param options those of every store
   * @throws TokenStoreError `ERR_INVALID_OPTIONS`
   */
  constructor(options: MemoryTokenStoreOptions = {}) {
    checkStoreOptions(options, []);
    super(new MemoryBackend(), options);
  }
}
