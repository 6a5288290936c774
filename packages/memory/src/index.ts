export { MemoryTokenStore, type MemoryTokenStoreOptions } from "./memory-token-store.js";
