import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectNull, expectToken } from "../expect.js";
import { LOOKALIKES, TEXT_PROPERTIES, TOKEN_KINDS, whole } from "../samples.js";

const user = (name: string): { userSignature: { name: string } } => ({ userSignature: { name } });

const texts: Case[] = LOOKALIKES.flatMap(([what, one, other]): Case[] => [
  {
    checks: ["2.7a"],
    name: `${what} matters in a token, a user name and an id`,
    async run({ store }) {
      const token = (text: string): TokenInput => ({
        id: text,
        ...user(text),
        grantToken: text,
        refreshToken: text,
        accessToken: text,
      });
      await store.saveToken(token(one));
      for (const property of ["id", "userSignature", ...TOKEN_KINDS] as const) {
        expectNull(await store.findToken({ [property]: token(other)[property] }));
      }
      expectNull(await store.findTokenById(other));
      expectToken(await store.saveToken(token(other)), token(other));
      expectToken(await store.findToken(token(one)), token(one));
      expectToken(await store.findToken({ refreshToken: one }), token(one));
      expectToken(await store.findToken({ refreshToken: other }), token(other));
    },
  },
]);

const clients: Case[] = [
  {
    checks: ["2.7b"],
    name: "client ids are compared exactly",
    async run({ store }) {
      for (const [index, [, one, other]] of LOOKALIKES.entries()) {
        const name = `user-${index}`;
        await store.saveToken({ ...user(name), clientId: one, refreshToken: `r-${index}` });
        expectNull(await store.findToken({ ...user(name), clientId: other }));
        await store.saveToken({ ...user(name), clientId: other, refreshToken: `o-${index}` });
        expectToken(await store.findToken({ ...user(name), clientId: one }), {
          ...user(name),
          clientId: one,
          refreshToken: `r-${index}`,
        });
      }
    },
  },
];

const injected: Case[] = (["userSignature", ...TEXT_PROPERTIES] as const).map((property) => ({
  checks: ["2.1a", "1.4c"],
  name: `text that could widen a query in ${property} finds nothing`,
  async run({ store }) {
    for (const tag of ["one", "two"]) await store.saveToken(whole(tag));
    for (const text of [
      "' OR '1'='1",
      "x' OR 1=1 --",
      '" OR ""="',
      "*",
      "%",
      "_",
      ".*",
      '{"$ne":null}',
      "\\",
      "?",
    ]) {
      const query = property === "userSignature" ? user(text) : { [property]: text };
      expectNull(await store.findToken(query));
      expectNull(await store.findToken({ ...query, id: text }));
    }
  },
}));

/** Exact comparison, and text that a careless store would take for a pattern. */
export const comparison: Case[] = [...injected, ...texts, ...clients];
