/**
 * A store in one file, for many processes on one machine.
 * @module @tokenkeep/file
 */
export { FileTokenStore } from "./file-token-store.js";
export type { FileTokenStoreOptions } from "./options.js";
