/**
 * Records in memory, found by the keys of the contract: for a backend that holds them all.
 * @module @tokenkeep/core/in-memory
 */
export { RecordMap } from "./record-map.js";
