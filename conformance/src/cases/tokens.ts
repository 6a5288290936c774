import { setTimeout as sleep } from "node:timers/promises";
import type { OAuthToken, PlainToken, TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectToken, PROPERTIES, plain, same } from "../expect.js";
import { whole } from "../samples.js";
import { show } from "../show.js";

/** How far a server's clock may differ from ours in a test. */
const CLOCK_DIFFERENCE_MS = 60_000;

const properties: Case[] = [
  {
    checks: ["1.1a", "1.1b"],
    name: "absent properties read as null in what saveToken, findToken, findTokenById and getTokens return",
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
    name: 'undefined, null and an empty string all mean "not given"',
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
          scope: nothing,
          tokenType: nothing,
          idToken: nothing,
          apiDomain: nothing,
          issuer: nothing,
          expiresAt: index === 0 ? undefined : null,
          refreshTokenExpiresAt: index === 0 ? undefined : null,
          refreshState: index === 0 ? undefined : null,
          metadata: index === 0 ? undefined : null,
        };
        expectToken(await store.saveToken(given), { refreshToken: `refresh-${index}` });
        expectToken(await store.findToken(given), { refreshToken: `refresh-${index}` });
      }
    },
  },
  {
    checks: ["1.0a"],
    name: "toPlain() has the properties of a token and no others, with the values that the token itself has",
    async run({ store }) {
      for (const given of [{ accessToken: "bare" }, whole("getters")]) {
        const saved = await store.saveToken(given);
        const found = await store.findToken({ accessToken: given.accessToken });
        for (const token of [saved, found as OAuthToken]) {
          const fields = plain(token);
          same(Object.keys(fields).sort(), PROPERTIES, "the properties of toPlain()");
          for (const property of Object.keys(fields) as (keyof PlainToken)[]) {
            const read = token[property];
            same(read === undefined ? "undefined" : read, fields[property], `token.${property}`);
          }
        }
      }
    },
  },
  {
    checks: ["1.0e"],
    name: "expiresIn is the number of whole seconds left, and is not stored",
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
        check(isRight, `expiresIn of about ${seconds} whole seconds`, show(expiresIn));
        check(!("expiresIn" in plain(found)), "toPlain() without expiresIn", show(plain(found)));
      }
    },
  },
  {
    checks: ["1.0d"],
    name: "expiresAt and refreshTokenExpiresAt keep their milliseconds, also of 0 and before 1970",
    async run({ store }) {
      const times = [0, 1, -1, 999, 1_699_999_999_999, 1_700_000_000_001, 253_402_300_799_999];
      times.push(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
      for (const expiresAt of times) {
        const accessToken = `expires-${expiresAt}`;
        const given = { accessToken, refreshToken: accessToken, expiresAt, refreshTokenExpiresAt: expiresAt };
        expectToken(await store.saveToken(given), given);
        expectToken(await store.findToken({ accessToken: given.accessToken }), given);
      }
    },
  },
  {
    checks: ["1.0f"],
    name: "createdAt and savedAt are the times of the first and the last save, whatever a caller passes in",
    async run({ store }) {
      const from = Date.now();
      const first = plain(await store.saveToken({ refreshToken: "r", createdAt: 1, savedAt: 2 }));
      check(isBetween(first.createdAt, from, Date.now()), "createdAt of this save", show(first.createdAt));
      same(first.savedAt, first.createdAt, "savedAt after the first save");
      await sleep(3);
      const again = Date.now();
      const second = plain(
        await store.saveToken({ refreshToken: "r", accessToken: "a", createdAt: 3, savedAt: 4 }),
      );
      same(second.createdAt, first.createdAt, "createdAt after an update");
      check(isBetween(second.savedAt, again, Date.now()), "savedAt of the update", show(second.savedAt));
      const found = plain(await store.findToken({ refreshToken: "r", createdAt: 5, savedAt: 6 }));
      same([found.createdAt, found.savedAt], [second.createdAt, second.savedAt], "the times that are found");
    },
  },
];

const copies: Case[] = [
  {
    checks: ["1.2a"],
    name: "a store does not change what a caller passes in",
    async run({ store }) {
      for (const given of [whole("input"), { ...whole("input with id"), id: "input-id" }]) {
        const before = JSON.stringify(given);
        await store.saveToken(given);
        await store.findToken(given);
        await store.saveToken(given);
        same(JSON.stringify(given), before, "the caller's object");
        const withoutId = { refreshToken: "made-an-id" };
        await store.saveToken(withoutId);
        await store.saveToken(withoutId);
        same(withoutId, { refreshToken: "made-an-id" }, "the caller's object without an id");
      }
    },
  },
  {
    checks: ["1.2a"],
    name: "a deeply frozen token can be saved",
    async run({ store }) {
      const { userSignature, ...rest } = whole("frozen");
      const given = Object.freeze({ ...rest, userSignature: Object.freeze(userSignature) });
      await store.saveToken(given);
      expectToken(await store.findToken(given), given);
    },
  },
  {
    checks: ["1.2b"],
    name: "changing what was passed in, after the call has begun, does not reach the store",
    async run({ store }) {
      const given = { userSignature: { name: "mine" }, refreshToken: "as-saved", metadata: { list: [1] } };
      const saving = store.saveToken(given);
      given.refreshToken = "changed";
      given.userSignature.name = "changed";
      given.metadata.list.push(2);
      await saving;
      const expected = { userSignature: { name: "mine" }, refreshToken: "as-saved", metadata: { list: [1] } };
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
        trySet(token?.metadata, "tag", "changed");
        trySet(fields.metadata, "tag", "changed");
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

/** With a margin, because a backend may use its own clock. */
function isBetween(time: number | null, from: number, to: number): boolean {
  return time !== null && time >= from - CLOCK_DIFFERENCE_MS && time <= to + CLOCK_DIFFERENCE_MS;
}

function trySet(target: object | null | undefined, property: string, value: unknown): void {
  try {
    Object.assign(target ?? {}, { [property]: value });
  } catch {
    // A frozen token is as good.
  }
}

export const tokens: Case[] = [...properties, ...copies];
