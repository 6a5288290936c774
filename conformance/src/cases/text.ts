import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectToken, same } from "../expect.js";
import { HOSTILE, TEXT_PROPERTIES, whole } from "../samples.js";

const LONG = 65_536;

export const text: Case[] = [
  ...HOSTILE.map(
    ([what, value]): Case => ({
      checks: ["1.4c", "1.4a"],
      name: `${what} round-trip in every property`,
      async run({ store }) {
        await store.saveToken(whole("bystander"));
        const given: TokenInput = {
          id: value,
          userSignature: { name: value },
          expiresAt: 1,
          ...Object.fromEntries(TEXT_PROPERTIES.map((property) => [property, value])),
        };
        expectToken(await store.saveToken(given), given);
        expectToken(await store.findTokenById(value), given);
        for (const query of [
          { id: value },
          { userSignature: { name: value } },
          { grantToken: value },
          { refreshToken: value },
          { accessToken: value },
        ]) {
          expectToken(await store.findToken(query), given);
        }
        expectToken(await store.saveToken({ ...given, expiresAt: 2 }), {
          ...given,
          expiresAt: 2,
          revision: 2,
        });
        expectToken(await store.findToken(whole("bystander")), whole("bystander"));
        await store.deleteToken(value);
        same((await store.getTokens()).length, 1, "the number of records left");
      },
    }),
  ),
  ...(["userSignature", ...TEXT_PROPERTIES] as const).map(
    (property): Case => ({
      checks: ["1.4a"],
      name: `64 KiB round-trip in ${property}, and its last byte counts`,
      async run({ store }) {
        const texts = [`${"x".repeat(LONG - 1)}1`, `${"x".repeat(LONG - 1)}2`, "🔑".repeat(LONG / 4)];
        for (const [index, long] of texts.entries()) {
          const value = property === "userSignature" ? { name: long } : long;
          const given: TokenInput = { refreshToken: `r${index}`, [property]: value };
          const { id } = expectToken(await store.saveToken(given), given);
          expectToken(await store.findTokenById(id), given);
          if (property === "redirectUrl" || property === "apiDomain" || property.startsWith("client"))
            continue;
          expectToken(await store.findToken({ [property]: value }), given);
        }
        same((await store.getTokens()).length, 3, "the number of records");
      },
    }),
  ),
  {
    checks: ["1.4b"],
    name: "an id of 255 bytes round-trips, and its last byte counts",
    async run({ store }) {
      for (const id of [`${"i".repeat(254)}1`, `${"i".repeat(254)}2`, `${"🔑".repeat(63)}abc`]) {
        await store.saveToken({ id, refreshToken: `r-${id}` });
        expectToken(await store.findTokenById(id), { id, refreshToken: `r-${id}` });
      }
      same((await store.getTokens()).length, 3, "the number of records");
    },
  },
];
