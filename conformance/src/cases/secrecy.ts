import { inspect } from "node:util";
import type { Case } from "../case.js";
import { check, plain, same, wholeText } from "../expect.js";
import { SECRETS } from "../samples.js";
import { show } from "../show.js";

const SECRET = "s3cr3t-value-that-nobody-may-see";
const TOKEN = {
  id: "secret-holder",
  userSignature: { name: "visible-user" },
  clientId: "visible-client",
  clientSecret: `${SECRET}-1`,
  grantToken: `${SECRET}-2`,
  refreshToken: `${SECRET}-3`,
  accessToken: `${SECRET}-4`,
  idToken: `${SECRET}-5`,
  metadata: { note: `${SECRET}-6` },
};

/** Everything that shows a value without asking for its secrets. */
const WAYS: Readonly<Record<string, (value: unknown) => string>> = {
  "util.inspect": (value) => inspect(value),
  "util.inspect with depth: Infinity": (value) => inspect({ nested: [value] }, { depth: Infinity }),
  "util.inspect with showHidden and getters": (value) =>
    inspect(value, { showHidden: true, getters: true, depth: 9 }),
  "JSON.stringify": (value) => JSON.stringify({ nested: [value] }) ?? "",
  "a template literal": (value) => `${value}`,
  "String with a hint": (value) => String(value) + Object.prototype.toString.call(value),
};

function hidden(what: string, value: unknown, ways: readonly string[] = Object.keys(WAYS)): void {
  for (const way of ways) {
    const text = WAYS[way]!(value);
    const at = text.indexOf(SECRET);
    const around = show(text.slice(Math.max(0, at - 30), at + SECRET.length + 5));
    check(at < 0, `${what} without a secret in ${way}`, `a text with ${around}`);
  }
}

// `getters: true` asks for every property, so it may show a token's secrets.
const TOKEN_WAYS = Object.keys(WAYS).filter((way) => !way.includes("getters"));

export const secrecy: Case[] = [
  {
    checks: ["1.3a"],
    name: "no log, JSON or template literal of a token shows a secret",
    async run({ store }) {
      hidden("what saveToken returned", await store.saveToken(TOKEN), TOKEN_WAYS);
      hidden("what findToken returned", await store.findToken(TOKEN), TOKEN_WAYS);
      hidden("what findTokenById returned", await store.findTokenById(TOKEN.id), TOKEN_WAYS);
      hidden("what getTokens returned", await store.getTokens(), TOKEN_WAYS);
    },
  },
  {
    checks: ["1.3d"],
    name: "toPlain() returns the secrets",
    async run({ store }) {
      await store.saveToken(TOKEN);
      const fields = plain(await store.findTokenById(TOKEN.id));
      for (const secret of SECRETS) same(fields[secret], TOKEN[secret], secret);
    },
  },
  {
    checks: ["1.3b"],
    name: "no log, JSON or template literal of a store shows a secret",
    async run({ store }) {
      await store.saveToken(TOKEN);
      await store.findToken({ refreshToken: TOKEN.refreshToken });
      hidden("the store", store, TOKEN_WAYS);
      await Promise.all([
        store.saveToken(TOKEN),
        Promise.resolve().then(() => hidden("the store", store, TOKEN_WAYS)),
      ]);
    },
  },
  {
    checks: ["1.3c"],
    name: "the error of a conflict shows no secret",
    async run({ store }) {
      await store.saveToken(TOKEN);
      const error = await errorOf(
        store.saveToken({ ...TOKEN, id: "", userSignature: { name: "somebody-else" } }),
      );
      hidden("the error", error);
      check(!wholeText(error).includes(SECRET), "no secret in any part of the error", wholeText(error));
    },
  },
  {
    checks: ["1.3c"],
    name: "the error of bad input shows no secret",
    async run({ store }) {
      for (const bad of [
        { expiresAt: 1.5 },
        { apiDomain: 7 },
        { id: "x".repeat(256) },
        { unknown: SECRET },
      ]) {
        const error = await errorOf(store.saveToken({ ...TOKEN, ...(bad as object) }));
        hidden("the error", error);
        check(!wholeText(error).includes(SECRET), "no secret in any part of the error", wholeText(error));
      }
    },
  },
];

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  let saved: unknown;
  try {
    saved = await promise;
  } catch (error) {
    return error;
  }
  return check(false, "a rejection", `success: ${show(saved)}`);
}
