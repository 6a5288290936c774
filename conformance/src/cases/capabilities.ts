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

export const capabilities: Case[] = [
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
    name: "all stores of a module declare the same, before and after use",
    async run({ store, open }) {
      const before = { ...store.capabilities };
      await store.saveToken({ refreshToken: "r" });
      same({ ...store.capabilities }, before, "the capabilities after use");
      same({ ...(await open()).capabilities }, before, "the capabilities of another store");
    },
  },
  {
    checks: ["8.1c", "7.2h"],
    name: "without revisions, ifRevision is ERR_UNSUPPORTED, and nothing is saved or deleted",
    lacks: ["revisions"],
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      await expectRejection(
        () => store.saveToken({ id: "one", accessToken: "a" }, { ifRevision: 1 }),
        "ERR_UNSUPPORTED",
      );
      await expectRejection(() => store.deleteToken("one", { ifRevision: 1 }), "ERR_UNSUPPORTED");
      expectToken(await store.findTokenById("one"), { id: "one", refreshToken: "r" });
    },
  },
  {
    checks: ["8.1c", "7.2h"],
    name: "without locks, withLock is ERR_UNSUPPORTED, and work does not run",
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
