import type { Case } from "../case.js";
import { section5 } from "./section-5.js";
import { section6 } from "./section-6.js";

/** Every case of the kit, section by section. */
export const allCases: readonly Case[] = [...section5, ...section6];
