import { type Case, paragraphOf } from "../case.js";
import { badInput } from "./bad-input.js";
import { capabilities } from "./capabilities.js";
import { changedCopies } from "./changed-copies.js";
import { clients } from "./clients.js";
import { closing } from "./closing.js";
import { comparison } from "./comparison.js";
import { concurrentSaves } from "./concurrent-saves.js";
import { conditionalDeletes } from "./conditional-deletes.js";
import { conditionalSaves } from "./conditional-saves.js";
import { crashes } from "./crashes.js";
import { deleting } from "./deleting.js";
import { encryption } from "./encryption.js";
import { rekeying } from "./encryption-rekey.js";
import { errors } from "./errors.js";
import { finding } from "./finding.js";
import { importing } from "./importing.js";
import { listing } from "./listing.js";
import { locks } from "./locks.js";
import { locksAcrossProcesses } from "./locks-across-processes.js";
import { lostReplies } from "./lost-replies.js";
import { merging } from "./merging.js";
import { methods } from "./methods.js";
import { namespaces } from "./namespaces.js";
import { opening } from "./opening.js";
import { options } from "./options.js";
import { outages } from "./outages.js";
import { randomCalls } from "./random-calls.js";
import { reopening } from "./reopening.js";
import { saving } from "./saving.js";
import { secrecy } from "./secrecy.js";
import { sharing } from "./sharing.js";
import { text } from "./text.js";
import { tokens } from "./tokens.js";
import { uniqueness } from "./uniqueness.js";
import { usersAndClients } from "./users-and-clients.js";
import { waitingForLocks } from "./waiting-for-locks.js";

const byParagraph = (one: Case, other: Case): number => Number(paragraphOf(one)) - Number(paragraphOf(other));

/** Every case of the kit, in the order of the contract. */
export const allCases: readonly Case[] = [
  ...tokens,
  ...secrecy,
  ...text,
  ...badInput,
  ...finding,
  ...usersAndClients,
  ...comparison,
  ...listing,
  ...saving,
  ...merging,
  ...uniqueness,
  ...concurrentSaves,
  ...conditionalSaves,
  ...changedCopies,
  ...importing,
  ...deleting,
  ...conditionalDeletes,
  ...opening,
  ...sharing,
  ...namespaces,
  ...clients,
  ...closing,
  ...reopening,
  ...crashes,
  ...locks,
  ...waitingForLocks,
  ...locksAcrossProcesses,
  ...errors,
  ...outages,
  ...lostReplies,
  ...capabilities,
  ...methods,
  ...options,
  ...encryption,
  ...rekeying,
  ...randomCalls,
].sort(byParagraph);
