import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectNull, expectToken } from "../expect.js";
import { TOKEN_KINDS, whole } from "../samples.js";

const user = (name: string): { userSignature: { name: string } } => ({ userSignature: { name } });

const subsets: Case[] = [
  {
    checks: ["2.1a", "2.1b"],
    name: "each property that finds, finds the record whole, alone and with all others",
    async run({ store }) {
      for (const tag of ["first", "wanted", "last"]) await store.saveToken(whole(tag));
      const wanted = whole("wanted");
      const { id } = expectToken(await store.findToken(wanted), wanted);
      for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
        expectToken(await store.findToken({ [property]: wanted[property] }), { ...wanted, id });
        const { clientId } = wanted;
        expectToken(await store.findToken({ [property]: wanted[property], clientId }), { ...wanted, id });
      }
      expectToken(await store.findToken({ id }), { ...wanted, id });
    },
  },
  {
    checks: ["2.1d"],
    name: "finding does not change a record, nor its revision",
    async run({ store }) {
      const { id } = expectToken(await store.saveToken(whole("same")), whole("same"));
      await store.findToken({ ...whole("same"), clientSecret: "other", expiresAt: 1, apiDomain: "other" });
      expectToken(await store.findTokenById(id), { ...whole("same"), revision: 1 });
    },
  },
  {
    checks: ["2.1a"],
    name: "nothing is found in an empty store",
    async run({ store }) {
      expectNull(await store.findToken(whole("nobody")));
      expectNull(await store.findToken({ id: "nobody" }));
    },
  },
  {
    checks: ["2.1c"],
    name: "what does not identify a record does not narrow the search either",
    async run({ store }) {
      await store.saveToken(whole("found"));
      const query = {
        refreshToken: whole("found").refreshToken,
        clientSecret: "x",
        redirectUrl: "x",
        apiDomain: "x",
      };
      expectToken(await store.findToken({ ...query, expiresAt: 1, revision: 99 }), whole("found"));
    },
  },
  {
    checks: ["2.2b"],
    name: "an id that is missing is null though everything else matches",
    async run({ store }) {
      await store.saveToken({ ...whole("here"), id: "here" });
      expectNull(await store.findToken({ ...whole("here"), id: "missing" }));
    },
  },
  {
    checks: ["2.2a"],
    name: "an id decides against every other property, another user and client too",
    async run({ store }) {
      await store.saveToken({ ...whole("one"), id: "one" });
      await store.saveToken({ ...whole("two"), id: "two" });
      expectToken(await store.findToken({ ...whole("two"), id: "one" }), { ...whole("one"), id: "one" });
    },
  },
];

const order: Case[] = [
  {
    checks: ["2.3a"],
    name: "user name comes before grant token, refresh token and access token, in this order",
    async run({ store }) {
      await store.saveToken({ ...user("u"), refreshToken: "of-user" });
      for (const kind of TOKEN_KINDS) await store.saveToken({ [kind]: `by-${kind}` });
      const query = {
        ...user("u"),
        grantToken: "by-grantToken",
        refreshToken: "by-refreshToken",
        accessToken: "by-accessToken",
      };
      expectToken(await store.findToken(query), { ...user("u"), refreshToken: "of-user" });
      const steps: TokenInput = { ...query, userSignature: null };
      expectToken(await store.findToken(steps), { grantToken: "by-grantToken" });
      expectToken(await store.findToken({ ...steps, grantToken: null }), { refreshToken: "by-refreshToken" });
      expectToken(await store.findToken({ accessToken: "by-accessToken" }), {
        accessToken: "by-accessToken",
      });
    },
  },
  {
    checks: ["2.3b"],
    name: "a lookup that hits nothing gives way to the next one",
    async run({ store }) {
      await store.saveToken({ grantToken: "g", refreshToken: "r", accessToken: "a" });
      const expected = { grantToken: "g", refreshToken: "r", accessToken: "a" };
      expectToken(await store.findToken({ ...user("nobody"), grantToken: "g" }), expected);
      expectToken(await store.findToken({ grantToken: "x", refreshToken: "r" }), expected);
      expectToken(
        await store.findToken({ ...user("nobody"), grantToken: "x", refreshToken: "x", accessToken: "a" }),
        expected,
      );
    },
  },
  {
    checks: ["2.3b"],
    name: "a lookup that hits only an incompatible record gives way to the next one",
    async run({ store }) {
      await store.saveToken({ clientId: "c1", grantToken: "g" });
      await store.saveToken({ clientId: "c2", refreshToken: "r" });
      const query = { clientId: "c2", grantToken: "g", refreshToken: "r" };
      expectToken(await store.findToken(query), { clientId: "c2", refreshToken: "r" });
    },
  },
  {
    checks: ["2.3c"],
    name: "a token value is looked for among its own kind only",
    async run({ store }) {
      await store.saveToken({ grantToken: "value" });
      expectNull(await store.findToken({ refreshToken: "value" }));
      expectNull(await store.findToken({ accessToken: "value" }));
      expectNull(await store.findToken(user("value")));
      expectNull(await store.findToken({ id: "value" }));
    },
  },
];

const none: Case[] = [
  {
    checks: ["2.6a"],
    name: "a query without criteria is null, with one record and with several",
    async run({ store }) {
      for (const tag of ["one", "two"]) {
        await store.saveToken(whole(tag));
        expectNull(await store.findToken({}));
        expectNull(await store.findToken({ id: null, userSignature: null, refreshToken: "" }));
        expectNull(await store.findToken({ userSignature: { name: "" } }));
      }
    },
  },
  ...(["clientId", "clientSecret", "redirectUrl", "apiDomain", "expiresAt"] as const).map(
    (property): Case => ({
      checks: ["2.6a", "2.1c"],
      name: `a query with ${property} alone is null`,
      async run({ store }) {
        await store.saveToken(whole("only"));
        expectNull(await store.findToken({ [property]: whole("only")[property] }));
      },
    }),
  ),
  {
    checks: ["2.6a", "2.1c"],
    name: "a query with all that does not identify a record is null",
    async run({ store }) {
      await store.saveToken(whole("only"));
      const query: TokenInput = {
        ...whole("only"),
        userSignature: null,
        grantToken: null,
        refreshToken: null,
      };
      expectNull(await store.findToken({ ...query, accessToken: null, revision: 1 }));
    },
  },
];

const expired: Case[] = [
  {
    checks: ["2.8a"],
    name: "an expired record is found in every way, again and again",
    async run({ store }) {
      const given = { ...whole("expired"), expiresAt: 1000 };
      const { id } = expectToken(await store.saveToken(given), given);
      for (let round = 0; round < 2; round++) {
        for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
          expectToken(await store.findToken({ [property]: given[property] }), given);
        }
        expectToken(await store.findTokenById(id), given);
        expectToken((await store.getTokens())[0] ?? null, given);
      }
    },
  },
];

export const finding: Case[] = [...subsets, ...order, ...none, ...expired];
