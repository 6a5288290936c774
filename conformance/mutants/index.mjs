import { copying } from "./copying.mjs";
import { deleting } from "./deleting.mjs";
import { encryption } from "./encryption.mjs";
import { errors } from "./errors.mjs";
import { finding } from "./finding.mjs";
import { methods } from "./interface.mjs";
import { locking } from "./locking.mjs";
import { outages } from "./outages.mjs";
import { saving } from "./saving.mjs";
import { sharing } from "./sharing.mjs";
import { tokens } from "./tokens.mjs";
import { waiting } from "./waiting.mjs";

/**
 * Every mutant: its name, the paragraphs whose cases should catch it (and part of a case's name, if it is one
 * in particular), what the store then does not declare, and what it changes in the backend or the store of
 * `base.mjs`.
 */
export const mutants = [
  ...tokens,
  ...finding,
  ...saving,
  ...copying,
  ...deleting,
  ...sharing,
  ...locking,
  ...waiting,
  ...errors,
  ...outages,
  ...methods,
  ...encryption,
];
