import type { Case } from "../case.js";
import { check, expectRejection, expectToken } from "../expect.js";
import { show } from "../show.js";

export const errors: Case[] = [
  {
    checks: ["7.1b", "7.1c", "7.1d", "7.1g", "7.2a", "7.2c"],
    name: "an error is an Error with a code and a message, not retryable if the same call would fail again",
    async run({ store }) {
      await store.saveToken({ id: "one", userSignature: { name: "one" }, refreshToken: "r" });
      const errors = [
        await expectRejection(() => store.saveToken({}), "ERR_INVALID_TOKEN"),
        await expectRejection(() => store.findTokenById(""), "ERR_INVALID_TOKEN"),
        await expectRejection(
          () => store.saveToken({ userSignature: { name: "two" }, refreshToken: "r" }),
          "ERR_CONFLICT",
        ),
      ];
      for (const error of errors) {
        check(error.retryable === false, `retryable: false on ${error.code}`, show(error.retryable));
        check(error.uncertain === false, `uncertain: false on ${error.code}`, show(error.uncertain));
        check(/\w+ \w+/.test(error.message), "a message in words", show(error.message));
        check(typeof error.stack === "string", "a stack", show(error.stack));
      }
    },
  },
  {
    checks: ["7.1a"],
    name: "bad input to any method is a rejection, not a throw",
    async run({ store }) {
      const never = undefined as never;
      for (const call of [
        () => store.findToken(never),
        () => store.saveToken(never),
        () => store.importToken(never),
        () => store.findTokenById(never),
        () => store.deleteToken(never),
      ]) {
        await expectRejection(call, "ERR_INVALID_TOKEN");
      }
    },
  },
  {
    checks: ["7.1b", "7.2f"],
    name: "a call on a closed store is a TokenStoreError that is not retryable",
    async run({ open }) {
      const closed = await open();
      await closed.close();
      const error = await expectRejection(() => closed.findTokenById("x"), "ERR_STORE_CLOSED");
      check(error.retryable === false, "retryable: false", show(error.retryable));
    },
  },
  {
    checks: ["7.1f"],
    name: "after an error the store keeps working",
    async run({ store }) {
      await store.saveToken({ id: "one", userSignature: { name: "one" }, refreshToken: "r" });
      for (let round = 0; round < 20; round++) {
        await expectRejection(
          () => store.saveToken({ userSignature: { name: "two" }, refreshToken: "r" }),
          "ERR_CONFLICT",
        );
        await expectRejection(() => store.saveToken({ expiresAt: Number.NaN }), "ERR_INVALID_TOKEN");
      }
      expectToken(await store.saveToken({ id: "one", accessToken: "a" }), {
        id: "one",
        userSignature: { name: "one" },
        refreshToken: "r",
        accessToken: "a",
        revision: 2,
      });
    },
  },
  {
    checks: ["7.3a"],
    name: "300 concurrent calls all end",
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      const found = await Promise.all(
        Array.from({ length: 300 }, () => store.findToken({ refreshToken: "r" })),
      );
      for (const token of found) expectToken(token, { id: "one", refreshToken: "r" });
    },
  },
];
