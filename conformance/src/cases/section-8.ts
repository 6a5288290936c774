import type { Capabilities, OAuthToken } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectRejection, expectToken, same } from "../expect.js";
import { show } from "../show.js";

const NAMES: readonly (keyof Capabilities)[] = [
  "durable",
  "shared",
  "revisions",
  "locks",
  "namespaces",
  "iteration",
];

export const section8: Case[] = [
  ...NAMES.map(
    (name): Case => ({
      checks: ["8.1a"],
      name: `capabilities.${name} is declared with true or false`,
      async run({ store }) {
        const declared: unknown = (store.capabilities as Partial<Capabilities> | undefined)?.[name];
        check(typeof declared === "boolean", "true or false", show(declared));
      },
    }),
  ),
  {
    checks: ["8.1b"],
    name: "each store of a module declares the same, before and after use",
    async run({ store, open }) {
      const before = { ...store.capabilities };
      await store.saveToken({ refreshToken: "r" });
      same({ ...store.capabilities }, before, "the capabilities after use");
      same({ ...(await open()).capabilities }, before, "the capabilities of another store");
    },
  },
  {
    checks: ["9.1a", "8.1d"],
    name: "the six methods, close and await using are there",
    async run({ store }) {
      for (const method of [
        "findToken",
        "findTokenById",
        "saveToken",
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
    name: "with() is a changed copy of a token, and changes neither the token nor the record",
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
  {
    checks: ["8.1c", "7.2h"],
    name: "without revisions, ifRevision is ERR_UNSUPPORTED and saves nothing",
    lacks: ["revisions"],
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      await expectRejection(
        () => store.saveToken({ id: "one", accessToken: "a" }, { ifRevision: 1 }),
        "ERR_UNSUPPORTED",
      );
      expectToken(await store.findTokenById("one"), { id: "one", refreshToken: "r" });
    },
  },
  {
    checks: ["8.1c", "7.2h"],
    name: "without locks, withLock is ERR_UNSUPPORTED and does not run the work",
    lacks: ["locks"],
    async run({ store }) {
      let ran = false;
      const work = () => {
        ran = true;
      };
      await expectRejection(() => store.withLock("key", work), "ERR_UNSUPPORTED");
      check(!ran, "work that does not run", "it ran");
    },
  },
  {
    checks: ["8.1c", "7.2h"],
    name: "without iteration, tokens() is ERR_UNSUPPORTED",
    lacks: ["iteration"],
    async run({ store }) {
      await expectRejection(() => store.tokens().next(), "ERR_UNSUPPORTED");
    },
  },
];
