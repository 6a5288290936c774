// Describes the jobs of a child as calls to its store.
import { show } from "../show.js";
import type { JobName, Jobs } from "./protocol.js";

/** How many saves of a job are shown. */
const SHOWN = 3;

const DESCRIPTIONS: { readonly [Name in JobName]: (args: Jobs[Name]["args"]) => string } = {
  save({ tokens, atOnce = false }) {
    const calls = tokens.slice(0, SHOWN).map((token) => `saveToken(${show(token)})`);
    if (tokens.length > SHOWN)
      calls.push(`… ${tokens.length} saves ${atOnce ? "at the same time" : "in sequence"}`);
    return calls.join(", ");
  },
  saveUntilKilled: ({ user }) => `saveToken({ userSignature: { name: ${show(user)} }, … }) repeatedly`,
  alternate: ({ versions }) => `saveToken of ${versions.length} versions alternately, until told to stop`,
  findToken: ({ query }) => `findToken(${show(query)})`,
  getTokens: () => "getTokens()",
  deleteToken: ({ id }) => `deleteToken(${show(id)})`,
  deleteTokens: () => "deleteTokens()",
  lockLoop: ({ key, times }) => `withLock(${show(key)}, work), ${times} times in sequence`,
  hog: ({ key }) => `withLock(${show(key)}, work) repeatedly, until told to stop`,
  hold: ({ key }) => `withLock(${show(key)}, work that runs until told to stop)`,
  refresh: ({ ids }) =>
    `saveToken({ id, refreshToken }) of ${ids.length} records in turn, until told to stop`,
  rekey: (options) => `rekey(store, ${show(options)})`,
  history: () => "random calls, until told to stop",
  readAll: () => "findToken of every record",
  close: () => "close()",
  closeAndLeave: () => "close(), and nothing else",
};

export function describeJob<Name extends JobName>(job: Name, args: Jobs[Name]["args"]): string {
  return DESCRIPTIONS[job](args);
}
