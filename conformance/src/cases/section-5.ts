import type { Case } from "../case.js";
import { kill } from "./kill.js";
import { badDays } from "./section-5-bad-days.js";
import { clients } from "./section-5-clients.js";
import { closing } from "./section-5-closing.js";
import { namespaces } from "./section-5-namespaces.js";
import { sharing } from "./section-5-sharing.js";

/** Opening, sharing, closing; those of §3 and §4 that take several processes, and of §7 that take a fault. */
export const section5: Case[] = [...sharing, ...namespaces, ...clients, ...closing, ...kill, ...badDays];
