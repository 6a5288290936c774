import { type Case, paragraphOf } from "../case.js";
import { random } from "./random.js";
import { section1 } from "./section-1.js";
import { section2 } from "./section-2.js";
import { section3 } from "./section-3.js";
import { section4 } from "./section-4.js";
import { section5 } from "./section-5.js";
import { section6 } from "./section-6.js";
import { section7 } from "./section-7.js";
import { section8 } from "./section-8.js";

// a file's cases may be of several sections: those that take real processes stand together
const order = (test: Case): number => Number(paragraphOf(test));

/** Every case of the kit, section by section. */
export const allCases: readonly Case[] = [
  ...section1,
  ...section2,
  ...section3,
  ...section4,
  ...section5,
  ...section6,
  ...section7,
  ...section8,
  ...random,
].sort((one, other) => order(one) - order(other));
