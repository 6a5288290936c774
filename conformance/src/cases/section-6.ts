import type { Case } from "../case.js";
import { locks } from "./section-6-locks.js";
import { processLocks } from "./section-6-processes.js";
import { waiting } from "./section-6-waiting.js";

/** Locking. */
export const section6: Case[] = [...locks, ...waiting, ...processLocks];
