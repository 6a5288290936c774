import type { OAuthToken, PlainToken, TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectToken, PROPERTIES, plain, same } from "../expect.js";
import { whole } from "../samples.js";
import { show } from "../show.js";

const absent: Case[] = [
  {
    checks: ["1.1a", "1.1b"],
    name: "what was not given reads as null in what saveToken, findToken, findTokenById and getTokens return",
    async run({ store }) {
      const given = { refreshToken: "only-this" };
      const saved = expectToken(await store.saveToken(given), given);
      expectToken(await store.findToken(given), given);
      expectToken(await store.findTokenById(saved.id), given);
      expectToken((await store.getTokens())[0] ?? null, given);
    },
  },
  {
    checks: ["1.1c"],
    name: "undefined, null and an empty string all mean not given",
    async run({ store }) {
      for (const [index, nothing] of [undefined, null, ""].entries()) {
        const given: TokenInput = {
          id: nothing,
          userSignature: index === 0 ? undefined : null,
          clientId: nothing,
          clientSecret: nothing,
          redirectUrl: nothing,
          grantToken: nothing,
          refreshToken: `refresh-${index}`,
          accessToken: nothing,
          apiDomain: nothing,
          expiresAt: index === 0 ? undefined : null,
        };
        expectToken(await store.saveToken(given), { refreshToken: `refresh-${index}` });
        expectToken(await store.findToken(given), { refreshToken: `refresh-${index}` });
      }
    },
  },
  {
    checks: ["1.0a"],
    name: "toPlain() has the properties of a token and no other, and the getters say the same",
    async run({ store }) {
      for (const given of [{ accessToken: "bare" }, whole("getters")]) {
        const saved = await store.saveToken(given);
        const found = await store.findToken({ accessToken: given.accessToken });
        for (const token of [saved, found as OAuthToken]) {
          const fields = plain(token);
          same(Object.keys(fields).sort(), PROPERTIES, "the properties of toPlain()");
          for (const property of Object.keys(fields) as (keyof PlainToken)[]) {
            const read = token[property];
            const value =
              property === "userSignature" && read !== null ? { name: token.userSignature?.name } : read;
            same(value, fields[property], `token.${property}`);
          }
        }
      }
    },
  },
  {
    checks: ["1.0e"],
    name: "expiresIn reads the whole seconds left, and is not among what is stored",
    async run({ store }) {
      for (const [accessToken, seconds] of [
        ["ends-in-an-hour", 3600],
        ["ended", 0],
      ] as const) {
        const ends = seconds === 0 ? 1000 : Date.now() + seconds * 1000;
        await store.saveToken({ accessToken, expiresAt: ends });
        const found = await store.findToken({ accessToken });
        expectToken(found, { accessToken, expiresAt: ends });
        const { expiresIn } = found as OAuthToken;
        const isRight = Number.isInteger(expiresIn) && Math.abs((expiresIn ?? -99) - seconds) <= 60;
        check(isRight, `expiresIn of about ${seconds}, whole seconds`, show(expiresIn));
        check(!("expiresIn" in plain(found)), "toPlain() without expiresIn", show(plain(found)));
      }
    },
  },
  {
    checks: ["1.0d"],
    name: "expiresAt keeps its milliseconds, 0 and times before 1970 too",
    async run({ store }) {
      const times = [0, 1, -1, 999, 1_699_999_999_999, 1_700_000_000_001, 253_402_300_799_999];
      times.push(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
      for (const expiresAt of times) {
        const given = { accessToken: `ends-${expiresAt}`, expiresAt };
        expectToken(await store.saveToken(given), given);
        expectToken(await store.findToken({ accessToken: given.accessToken }), given);
      }
    },
  },
];

const copies: Case[] = [
  {
    checks: ["1.2a"],
    name: "what a caller passes in is not changed",
    async run({ store }) {
      for (const given of [whole("input"), { ...whole("input with id"), id: "input-id" }]) {
        // not structuredClone: in a runner that has a realm of its own, such as jest, its copy is of another one
        const before = { ...given, userSignature: { ...given.userSignature } };
        await store.saveToken(given);
        await store.findToken(given);
        await store.saveToken(given);
        same(given, before, "the caller's object");
        const withoutId = { refreshToken: "made-an-id" };
        await store.saveToken(withoutId);
        await store.saveToken(withoutId);
        same(withoutId, { refreshToken: "made-an-id" }, "the caller's object without an id");
      }
    },
  },
  {
    checks: ["1.2a"],
    name: "deeply frozen input is taken",
    async run({ store }) {
      const { userSignature, ...rest } = whole("frozen");
      const given = Object.freeze({ ...rest, userSignature: Object.freeze(userSignature) });
      await store.saveToken(given);
      expectToken(await store.findToken(given), given);
    },
  },
  {
    checks: ["1.2b"],
    name: "changing what was passed in after the call does not reach the store",
    async run({ store }) {
      const given = { userSignature: { name: "mine" }, refreshToken: "as-saved" };
      const saving = store.saveToken(given);
      given.refreshToken = "changed";
      given.userSignature.name = "changed";
      await saving;
      const expected = { userSignature: { name: "mine" }, refreshToken: "as-saved" };
      expectToken(await store.findToken({ refreshToken: "as-saved" }), expected);
    },
  },
  {
    checks: ["1.2c"],
    name: "changing what a store returned does not reach the store",
    async run({ store }) {
      const given = whole("copy");
      const { id } = expectToken(await store.saveToken(given), given);
      const returned = [
        await store.saveToken({ id }),
        await store.findToken({ id }),
        await store.findTokenById(id),
        ...(await store.getTokens()),
      ];
      for (const token of returned) {
        const fields = plain(token);
        fields.refreshToken = "changed";
        if (fields.userSignature !== null) fields.userSignature.name = "changed";
        trySet(token, "refreshToken", "changed");
        trySet(token?.userSignature, "name", "changed");
      }
      expectToken(await store.findTokenById(id), given);
      expectToken(await store.findToken({ userSignature: given.userSignature }), given);
    },
  },
  {
    checks: ["1.2d"],
    name: "a token that was returned before a save stays as it was",
    async run({ store }) {
      const first = await store.saveToken({ refreshToken: "r", accessToken: "one" });
      await store.saveToken({ refreshToken: "r", accessToken: "two" });
      expectToken(first, { refreshToken: "r", accessToken: "one", revision: 1 });
    },
  },
  {
    checks: ["1.2c"],
    name: "emptying the array that getTokens returned does not empty the store",
    async run({ store }) {
      await store.saveToken({ refreshToken: "stays" });
      (await store.getTokens()).length = 0;
      same((await store.getTokens()).length, 1, "the number of records");
    },
  },
];

function trySet(target: object | null | undefined, property: string, value: unknown): void {
  try {
    Object.assign(target ?? {}, { [property]: value });
  } catch {
    // a token that refuses it is as good
  }
}

export const tokens: Case[] = [...absent, ...copies];
