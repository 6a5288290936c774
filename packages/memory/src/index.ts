/**
 * A store in the memory of one process.
 * @module @tokenkeep/memory
 */
export { MemoryTokenStore, type MemoryTokenStoreOptions } from "./memory-token-store.js";
