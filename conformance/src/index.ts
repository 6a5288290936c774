export type { Capability, Case, Kit, OpenOptions, Space, StoreModule } from "./case.js";
export { allCases } from "./cases/index.js";
export { registerConformance, type TestRunner } from "./register.js";
export { type CaseResult, type Report, type RunOptions, runConformance, select } from "./run.js";
