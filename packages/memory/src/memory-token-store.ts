import type { StoreOptions } from "@tokenkeep/core";
import { BaseTokenStore, checkStoreOptions } from "@tokenkeep/core/backend";
import { MemoryBackend } from "./backend.js";

/** The options of {@link MemoryTokenStore}. `namespace` makes no difference, as each instance is separate. */
export type MemoryTokenStoreOptions = StoreOptions;

/** A token store in the memory of this process. Each instance is separate, and nothing outlives it. */
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
