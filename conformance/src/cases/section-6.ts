import type { Case } from "../case.js";
import { locks } from "./section-6-locks.js";
import { processLocks } from "./section-6-processes.js";

/** Locking. */
export const section6: Case[] = [...locks, ...processLocks];
