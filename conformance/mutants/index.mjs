import { deleting } from "./deleting.mjs";
import { failing } from "./failing.mjs";
import { finding } from "./finding.mjs";
import { locking } from "./locking.mjs";
import { saving } from "./saving.mjs";
import { sharing } from "./sharing.mjs";
import { tokens } from "./tokens.mjs";
import { waiting } from "./waiting.mjs";

/**
 * Every mutant: its name, the paragraphs whose cases should catch it (and part of a case's name, where it is one
 * in particular), what the store then does not declare, and what it changes in the backend or the store of
 * `base.mjs`.
 */
export const mutants = [
  ...tokens,
  ...finding,
  ...saving,
  ...deleting,
  ...sharing,
  ...locking,
  ...waiting,
  ...failing,
];
