/**
 * The contract of a token store as test cases, for any store and any test runner.
 * @module @tokenkeep/conformance
 */
export type {
  Capability,
  Case,
  ClientMeans,
  DisruptionMeans,
  Kit,
  OpenOptions,
  Space,
  StoreModule,
} from "./case.js";
export { allCases } from "./cases/index.js";
export { encrypted } from "./encrypted.js";
export {
  type HistoryOptions,
  type HistoryReport,
  hasProblems,
  runHistories,
} from "./histories/run-histories.js";
export { textOfHistories } from "./histories/text.js";
export { startProxy, type TcpProxy } from "./proxy.js";
export { type RegisterTest, registerConformance, type TestRunner } from "./register.js";
export { type CaseResult, type Report, type RunOptions, runConformance, select } from "./run.js";
