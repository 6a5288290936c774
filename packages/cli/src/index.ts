/**
 * The command line of tokenkeep, as a program of its own would run it.
 * @module tokenkeep
 */
export type { Context } from "./context.js";
export { Output } from "./output.js";
export { createProgram } from "./program.js";
