import type { OAuthToken } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectToken } from "../expect.js";
import { show } from "../show.js";

const importable = { id: "imported", refreshToken: "imported", revision: 1, createdAt: 1, savedAt: 1 };

export const methods: Case[] = [
  {
    checks: ["9.1a", "8.1d"],
    name: "a store has every method of the contract",
    async run({ store }) {
      for (const method of [
        "findToken",
        "findTokenById",
        "saveToken",
        "importToken",
        "deleteToken",
        "deleteTokens",
        "getTokens",
        "close",
      ] as const) {
        check(typeof store[method] === "function", `a method ${method}`, show(store[method]));
      }
      check(typeof store[Symbol.asyncDispose] === "function", "a method [Symbol.asyncDispose]", "none");
    },
  },
  {
    checks: ["9.1d", "1.2d"],
    name: "with() returns a changed copy, and changes neither the token nor the record",
    async run({ store }) {
      const given = { id: "one", userSignature: { name: "u" }, refreshToken: "r", apiDomain: "before" };
      const token = await store.saveToken(given);
      const copy: unknown = token.with({ apiDomain: "after", userSignature: null });
      expectToken(copy as OAuthToken, { ...given, apiDomain: "after", userSignature: null, revision: 1 });
      expectToken(token, { ...given, revision: 1 });
      expectToken(await store.findTokenById("one"), { ...given, revision: 1 });
    },
  },
  {
    checks: ["9.1a"],
    name: "each method returns a promise",
    async run({ store }) {
      const calls: readonly (readonly [name: string, call: () => unknown])[] = [
        ["findToken", () => store.findToken({ refreshToken: "r" })],
        ["findTokenById", () => store.findTokenById("one")],
        ["saveToken", () => store.saveToken({ refreshToken: "r" })],
        ["importToken", () => store.importToken(importable)],
        ["deleteToken", () => store.deleteToken("one")],
        ["deleteTokens", () => store.deleteTokens()],
        ["getTokens", () => store.getTokens()],
        ["close", () => store.close()],
      ];
      for (const [name, call] of calls) {
        const result = call();
        const isPromise = typeof (result as { then?: unknown } | null | undefined)?.then === "function";
        check(isPromise, `a promise from ${name}`, show(result));
        await result;
      }
    },
  },
];
