import type { Capabilities } from "@tokenkeep/core";
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
      paragraph: "8.1",
      name: `capabilities.${name} is declared with true or false`,
      async run({ store }) {
        const declared: unknown = (store.capabilities as Partial<Capabilities> | undefined)?.[name];
        check(typeof declared === "boolean", "true or false", show(declared));
      },
    }),
  ),
  {
    paragraph: "8.1",
    name: "each store of a module declares the same, before and after use",
    async run({ store, open }) {
      const before = { ...store.capabilities };
      await store.saveToken({ refreshToken: "r" });
      same({ ...store.capabilities }, before, "the capabilities after use");
      same({ ...(await open()).capabilities }, before, "the capabilities of another store");
    },
  },
  {
    paragraph: "8.1",
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
    paragraph: "8.1",
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
    paragraph: "8.1",
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
    paragraph: "8.1",
    name: "without iteration, tokens() is ERR_UNSUPPORTED",
    lacks: ["iteration"],
    async run({ store }) {
      await expectRejection(() => store.tokens().next(), "ERR_UNSUPPORTED");
    },
  },
];
