import type { Case } from "../case.js";
import { section1 } from "./section-1.js";
import { section2 } from "./section-2.js";
import { section4 } from "./section-4.js";
import { section5 } from "./section-5.js";
import { section6 } from "./section-6.js";

/** Every case of the kit, section by section. */
export const allCases: readonly Case[] = [...section1, ...section2, ...section4, ...section5, ...section6];
