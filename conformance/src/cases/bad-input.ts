import { OAuthToken, type TokenInput, type TokenStore } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectIds, expectRejection, expectToken } from "../expect.js";
import { SECRETS, TEXT_PROPERTIES, TIMES, whole } from "../samples.js";

const VALUE = "value-that-no-message-shows";

function cycle(): object {
  const object: { self?: unknown } = {};
  object.self = object;
  return object;
}

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
  ...TIMES.map((property): [string, Case["checks"], Bad[]] => [
    property,
    ["1.5d", "1.5a"],
    [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1893456000123", new Date(0), {}, true, 10n].map(
      (time): Bad => ({ what: String(time), property, token: { [property]: time } }),
    ),
  ]),
  ...(["revision", "createdAt", "savedAt"] as const).map((property): [string, Case["checks"], Bad[]] => [
    property,
    ["1.5a"],
    [VALUE, true, {}, [1]].map(
      (value): Bad => ({ what: String(value), property, token: { [property]: value } }),
    ),
  ]),
  ...(
    [
      ["metadata", 65_536],
      ["refreshState", 4096],
    ] as const
  ).map(([property, maxBytes]): [string, Case["checks"], Bad[]] => [
    property,
    ["1.5a", "1.5b", "1.5c"],
    [
      VALUE,
      714_714,
      true,
      [VALUE],
      { f: () => VALUE },
      { n: Number.NaN },
      { u: undefined },
      { d: new Date(0) },
    ]
      .concat(
        { s: `${VALUE}\ud800` } as never,
        { text: VALUE + "x".repeat(maxBytes) } as never,
        cycle() as never,
      )
      .map((value): Bad => ({ what: typeof value, property, token: { [property]: value } })),
  ]),
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
      name: `bad input in ${of} is refused by saveToken and findToken, which name it and change nothing`,
      async run({ store }) {
        await store.saveToken({ id: "bystander", refreshToken: "bystander-refresh" });
        for (const { property, token } of bad) {
          const expected = { ...(property === undefined ? {} : { property }), hides: [VALUE, "714714"] };
          // Everything else is good, and would be found and saved.
          const given = { refreshToken: "bystander-refresh", accessToken: "new", ...(token as object) };
          await expectRejection(() => store.saveToken(given as TokenInput), "ERR_INVALID_TOKEN", expected);
          await expectRejection(() => store.findToken(given as TokenInput), "ERR_INVALID_TOKEN", expected);
        }
        await untouched(store);
      },
    }),
  ),
  {
    checks: ["1.5f", "1.5g"],
    name: "a value that is not a token is refused by saveToken and findToken",
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
    name: "a bad id is refused by findTokenById and deleteToken, which change nothing",
    async run({ store }) {
      await store.saveToken({ id: "bystander", refreshToken: "bystander-refresh" });
      const bad = [undefined, null, "", 7, {}, [], { $ne: "" }, `${VALUE}\ud800`, VALUE + "i".repeat(255)];
      for (const id of bad) {
        const expected = { property: "id", hides: [VALUE] };
        await expectRejection(() => store.findTokenById(id as string), "ERR_INVALID_TOKEN", expected);
        await expectRejection(() => store.deleteToken(id as string), "ERR_INVALID_TOKEN", expected);
      }
      await untouched(store);
    },
  },
  ...[...SECRETS, "metadata" as const].map(
    (property): Case => ({
      checks: ["1.5i", "1.5g"],
      name: `the mask *** in place of ${property} is refused, and the stored value stays`,
      async run({ store }) {
        const stored = { ...whole("masked"), id: "masked" };
        await store.saveToken(stored);
        const expected = { property, word: "toPlain" };
        const masked = { ...stored, [property]: "***" } as TokenInput;
        await expectRejection(() => store.saveToken(masked), "ERR_INVALID_TOKEN", expected);
        await expectRejection(() => store.findToken(masked), "ERR_INVALID_TOKEN", expected);
        expectToken(await store.findTokenById("masked"), { ...stored, revision: 1 });
      },
    }),
  ),
  {
    checks: ["1.5i"],
    name: "a token that went through JSON.stringify and JSON.parse is refused, and the stored one stays",
    async run({ store }) {
      for (const tag of ["whole", "little"]) {
        const given = tag === "whole" ? whole(tag) : { refreshToken: tag };
        const token = await store.saveToken(given);
        const parsed = JSON.parse(JSON.stringify(token)) as TokenInput;
        await expectRejection(() => store.saveToken(parsed), "ERR_INVALID_TOKEN", { word: "toPlain" });
        expectToken(await store.findTokenById(token.id ?? ""), { ...given, revision: 1 });
      }
    },
  },
  {
    checks: ["9.1b", "9.1c"],
    name: "an OAuthToken can be passed in place of its plain properties",
    async run({ store }) {
      const given = { userSignature: { name: "u" }, refreshToken: "r", expiresAt: 5 };
      const { id } = expectToken(await store.saveToken(new OAuthToken(given)), given);
      expectToken(await store.findToken(new OAuthToken({ refreshToken: "r" })), { ...given, id });
      const found = await store.findTokenById(id);
      if (found !== null) expectToken(await store.saveToken(found), { ...given, id, revision: 2 });
    },
  },
];
