import { OAuthToken, type TokenInput, type TokenStore } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectIds, expectRejection, expectToken } from "../expect.js";
import { TEXT_PROPERTIES } from "../samples.js";

const VALUE = "value-that-no-message-shows";

interface Bad {
  readonly what: string;
  readonly property?: string;
  readonly token: unknown;
}

const ofText = (property: string): Bad[] => [
  { what: "a number", property, token: { [property]: 714_714 } },
  { what: "a boolean", property, token: { [property]: true } },
  { what: "an array", property, token: { [property]: [VALUE] } },
  { what: "an object with an operator", property, token: { [property]: { $gt: VALUE } } },
  { what: "a lone surrogate", property, token: { [property]: `${VALUE}\ud800` } },
];

const OF_TEXT: Case["checks"] = ["1.5a", "1.5b", "1.5c"];

const BAD: readonly (readonly [of: string, checks: Case["checks"], bad: readonly Bad[]])[] = [
  ...TEXT_PROPERTIES.map((property): [string, Case["checks"], Bad[]] => [
    property,
    OF_TEXT,
    [
      ...ofText(property),
      {
        what: "64 KiB and a byte",
        property,
        token: { [property]: `${VALUE}${"x".repeat(65_537 - VALUE.length)}` },
      },
      {
        what: "more than 64 KiB in fewer characters",
        property,
        token: { [property]: VALUE + "🔑".repeat(16_384) },
      },
    ],
  ]),
  [
    "id",
    OF_TEXT,
    [
      ...ofText("id"),
      { what: "256 bytes", property: "id", token: { id: `${VALUE}${"i".repeat(256 - VALUE.length)}` } },
      {
        what: "more than 255 bytes in fewer characters",
        property: "id",
        token: { id: VALUE + "🔑".repeat(60) },
      },
    ],
  ],
  [
    "userSignature",
    OF_TEXT,
    [
      { what: "a string", property: "userSignature", token: { userSignature: VALUE } },
      { what: "a number as name", property: "userSignature", token: { userSignature: { name: 714_714 } } },
      {
        what: "an object as name",
        property: "userSignature",
        token: { userSignature: { name: { $ne: VALUE } } },
      },
      {
        what: "a lone surrogate",
        property: "userSignature",
        token: { userSignature: { name: `${VALUE}\udfff` } },
      },
      {
        what: "64 KiB and a byte",
        property: "userSignature",
        token: { userSignature: { name: `${VALUE}${"x".repeat(65_537 - VALUE.length)}` } },
      },
    ],
  ],
  [
    "expiresAt",
    ["1.5d", "1.5a"],
    [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1893456000123", new Date(0), {}, true, 10n].map(
      (expiresAt): Bad => ({ what: String(expiresAt), property: "expiresAt", token: { expiresAt } }),
    ),
  ],
  [
    "revision",
    ["1.5a"],
    [VALUE, true, {}, [1]].map(
      (revision): Bad => ({ what: String(revision), property: "revision", token: { revision } }),
    ),
  ],
  [
    "an unknown property",
    ["1.5e"],
    [
      { what: "expiresIn", property: "expiresIn", token: { expiresIn: 3600 } },
      { what: "Zoho's column name", property: "refresh_token", token: { refresh_token: VALUE } },
      { what: "another case", property: "refreshtoken", token: { refreshtoken: VALUE } },
    ],
  ],
];

const NO_TOKENS: readonly unknown[] = [undefined, null, "token", 7, true, [], () => {}];

async function untouched(store: TokenStore): Promise<void> {
  const tokens = await store.getTokens();
  expectIds(tokens, ["bystander"]);
  expectToken(tokens[0] ?? null, { id: "bystander", refreshToken: "bystander-refresh", revision: 1 });
}

export const badInput: Case[] = [
  ...BAD.map(
    ([of, checks, bad]): Case => ({
      checks: [...checks, "1.5g", "1.5h"],
      name: `bad input in ${of} is refused by saveToken and findToken, named, and touches nothing`,
      async run({ store }) {
        await store.saveToken({ id: "bystander", refreshToken: "bystander-refresh" });
        for (const { property, token } of bad) {
          const told = { ...(property === undefined ? {} : { property }), hides: [VALUE, "714714"] };
          // all else is good, and would be found and saved
          const given = { refreshToken: "bystander-refresh", accessToken: "new", ...(token as object) };
          await expectRejection(() => store.saveToken(given as TokenInput), "ERR_INVALID_TOKEN", told);
          await expectRejection(() => store.findToken(given as TokenInput), "ERR_INVALID_TOKEN", told);
        }
        await untouched(store);
      },
    }),
  ),
  {
    checks: ["1.5f", "1.5g"],
    name: "what is no token at all is refused by saveToken and findToken",
    async run({ store }) {
      await store.saveToken({ id: "bystander", refreshToken: "bystander-refresh" });
      for (const nothing of NO_TOKENS) {
        await expectRejection(() => store.saveToken(nothing as TokenInput), "ERR_INVALID_TOKEN");
        await expectRejection(() => store.findToken(nothing as TokenInput), "ERR_INVALID_TOKEN");
      }
      await untouched(store);
    },
  },
  {
    checks: ["1.5f", "1.5a", "1.5b", "1.5c"],
    name: "a bad id is refused by findTokenById and deleteToken, and touches nothing",
    async run({ store }) {
      await store.saveToken({ id: "bystander", refreshToken: "bystander-refresh" });
      const bad = [undefined, null, "", 7, {}, [], { $ne: "" }, `${VALUE}\ud800`, VALUE + "i".repeat(255)];
      for (const id of bad) {
        const told = { property: "id", hides: [VALUE] };
        await expectRejection(() => store.findTokenById(id as string), "ERR_INVALID_TOKEN", told);
        await expectRejection(() => store.deleteToken(id as string), "ERR_INVALID_TOKEN", told);
      }
      await untouched(store);
    },
  },
  {
    checks: ["9.1b", "9.1c"],
    name: "an OAuthToken is taken as its plain properties are",
    async run({ store }) {
      const given = { userSignature: { name: "u" }, refreshToken: "r", expiresAt: 5 };
      const { id } = expectToken(await store.saveToken(new OAuthToken(given)), given);
      expectToken(await store.findToken(new OAuthToken({ refreshToken: "r" })), { ...given, id });
      const found = await store.findTokenById(id);
      if (found !== null) expectToken(await store.saveToken(found), { ...given, id, revision: 2 });
    },
  },
];
