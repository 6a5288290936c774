// What a child does, told in terms of calls to its store.
import { show } from "../show.js";
import type { JobName, Jobs } from "./protocol.js";

/** How many saves of one job are shown. */
const SHOWN = 3;

const DESCRIPTIONS: { readonly [Name in JobName]: (args: Jobs[Name]["args"]) => string } = {
  save({ tokens, atOnce = false }) {
    const calls = tokens.slice(0, SHOWN).map((token) => `saveToken(${show(token)})`);
    if (tokens.length > SHOWN) calls.push(`… ${tokens.length} saves ${atOnce ? "at once" : "in turn"}`);
    return calls.join(", ");
  },
  saveUntilKilled: ({ user }) => `saveToken({ userSignature: { name: ${show(user)} }, … }) again and again`,
  alternate: ({ versions }) => `saveToken of ${versions.length} versions in turn, until told to stop`,
  findToken: ({ query }) => `findToken(${show(query)})`,
  getTokens: () => "getTokens()",
  deleteToken: ({ id }) => `deleteToken(${show(id)})`,
  deleteTokens: () => "deleteTokens()",
  lockLoop: ({ key, times }) => `withLock(${show(key)}, (work)), ${times} times in turn`,
  hog: ({ key }) => `withLock(${show(key)}, (work)) again and again, until told to stop`,
  hold: ({ key }) => `withLock(${show(key)}, (work that goes on until told to stop))`,
  close: () => "close()",
  closeAndLeave: () => "close(), and nothing else to do",
};

export function describeJob<Name extends JobName>(job: Name, args: Jobs[Name]["args"]): string {
  return DESCRIPTIONS[job](args);
}
