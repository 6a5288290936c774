import type { JsonObject, TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectToken, same } from "../expect.js";
import { HOSTILE, TEXT_PROPERTIES, TOKEN_KINDS, whole } from "../samples.js";

const LONG = 65_536;

const isLookup = (property: string): boolean => ["userSignature", ...TOKEN_KINDS].includes(property);

/** JSON of exactly this many bytes. */
const jsonOf = (bytes: number): { text: string } => ({ text: "x".repeat(bytes - '{"text":""}'.length) });

const JSON_OBJECTS: readonly JsonObject[] = [
  {},
  { "": "", "a.b": 1, $gt: "", "'; --": '"', "\0": "\0", id: "not-the-id", "🔑": "\u2028" },
  { numbers: [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER], words: [true, false, null], empty: [[], {}] },
  JSON.parse('{ "__proto__": { "polluted": true }, "constructor": "text" }'),
  { deep: { deep: { deep: { deep: { deep: ["🔑", { "a\nb": "c\td" }] } } } } },
];

export const text: Case[] = [
  ...HOSTILE.map(
    ([what, value]): Case => ({
      checks: ["1.4c", "1.4a"],
      name: `${what}: this text round-trips in every property`,
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
      name: `64 KiB round-trip in ${property}, and the last byte matters`,
      async run({ store }) {
        const texts = [`${"x".repeat(LONG - 1)}1`, `${"x".repeat(LONG - 1)}2`, "🔑".repeat(LONG / 4)];
        for (const [index, long] of texts.entries()) {
          const value = property === "userSignature" ? { name: long } : long;
          const given: TokenInput = { refreshToken: `r${index}`, [property]: value };
          const { id } = expectToken(await store.saveToken(given), given);
          expectToken(await store.findTokenById(id), given);
          if (isLookup(property)) expectToken(await store.findToken({ [property]: value }), given);
        }
        same((await store.getTokens()).length, 3, "the number of records");
      },
    }),
  ),
  {
    checks: ["1.4b"],
    name: "an id of 255 bytes round-trips, and its last byte matters",
    async run({ store }) {
      for (const id of [`${"i".repeat(254)}1`, `${"i".repeat(254)}2`, `${"🔑".repeat(63)}abc`]) {
        await store.saveToken({ id, refreshToken: `r-${id}` });
        expectToken(await store.findTokenById(id), { id, refreshToken: `r-${id}` });
      }
      same((await store.getTokens()).length, 3, "the number of records");
    },
  },
  {
    checks: ["1.4a"],
    name: "64 KiB in every text property at the same time round-trip",
    async run({ store }) {
      for (const [index, text] of ["x".repeat(LONG - 1), "\0".repeat(LONG - 1)].entries()) {
        const value = `${index}${text}`;
        const given = {
          id: `${index}`,
          userSignature: { name: value },
          ...Object.fromEntries(TEXT_PROPERTIES.map((property) => [property, value])),
        };
        await store.saveToken(given);
        expectToken(await store.findTokenById(`${index}`), given);
      }
    },
  },
  {
    checks: ["1.4d"],
    name: "JSON objects round-trip as metadata and refreshState, and the next ones replace them as a whole",
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      for (const json of JSON_OBJECTS) {
        const given = { id: "one", refreshToken: "r", metadata: json, refreshState: json };
        expectToken(await store.saveToken(given), given);
        expectToken(await store.findTokenById("one"), given);
      }
    },
  },
  {
    checks: ["1.4d"],
    name: "metadata of 64 KiB of JSON and a refreshState of 4 KiB round-trip",
    async run({ store }) {
      const given = { refreshToken: "r", metadata: jsonOf(LONG), refreshState: jsonOf(4096) };
      await store.saveToken(given);
      expectToken(await store.findToken({ refreshToken: "r" }), given);
    },
  },
];
