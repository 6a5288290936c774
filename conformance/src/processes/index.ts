export { Child, ChildError, type ChildSource, type Running } from "./child.js";
export { killToken } from "./jobs.js";
export type { HoldOutcome, JobName, Jobs, LockLoopOutcome, OpenOptions, SaveOutcome } from "./protocol.js";
export { inStep, type Owner, startChild, startChildren } from "./together.js";
