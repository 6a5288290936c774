import { deletings } from "./deleting.mjs";
import { failings } from "./failing.mjs";
import { findings } from "./finding.mjs";
import { lockings } from "./locking.mjs";
import { savings } from "./saving.mjs";
import { sharings } from "./sharing.mjs";
import { tokens } from "./tokens.mjs";
import { waitings } from "./waiting.mjs";

/**
 * Every planted fault: its name, the paragraphs that are meant to catch it (and part of the case's name,
 * where one is meant), what the store then does not declare, and what it changes in the backend or in the store of `base.mjs`.
 */
export const faults = [
  ...tokens,
  ...findings,
  ...savings,
  ...deletings,
  ...sharings,
  ...lockings,
  ...waitings,
  ...failings,
];
