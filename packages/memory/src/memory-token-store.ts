import { BaseTokenStore, checkStoreOptions, type StoreOptions } from "@tokenkeep/core";
import { MemoryBackend } from "./memory-backend.js";

export type MemoryTokenStoreOptions = StoreOptions;

/**
 * A token store in the memory of this process. Each instance is a space of its own: nothing outlives it,
 * and no other instance sees it.
 */
export class MemoryTokenStore extends BaseTokenStore {
  /** @throws TokenStoreError `ERR_INVALID_OPTIONS` */
  constructor(options: MemoryTokenStoreOptions = {}) {
    checkStoreOptions(options, []);
    super(new MemoryBackend(), options);
  }
}
