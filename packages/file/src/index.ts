/**
 * A store in one file, for many processes of one machine.
 * @module @tokenkeep/file
 */
export { FileTokenStore, type FileTokenStoreOptions } from "./file-token-store.js";
