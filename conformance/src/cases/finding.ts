import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectNull, expectToken } from "../expect.js";
import { TOKEN_KINDS, whole } from "../samples.js";

const user = (name: string): { userSignature: { name: string } } => ({ userSignature: { name } });

const subsets: Case[] = [
  {
    checks: ["2.1a", "2.1b"],
    name: "each lookup finds the whole record, alone and together with the others",
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
    name: "properties that are not lookups do not exclude a record",
    async run({ store }) {
      await store.saveToken(whole("found"));
      const query = {
        refreshToken: whole("found").refreshToken,
        clientSecret: "x",
        redirectUrl: "x",
        scope: "x",
        tokenType: "x",
        idToken: "x",
        apiDomain: "x",
        issuer: "x",
        refreshState: { x: 1 },
        metadata: { x: 1 },
      };
      const times = { expiresAt: 1, refreshTokenExpiresAt: 1, createdAt: 1, savedAt: 1 };
      expectToken(await store.findToken({ ...query, ...times, revision: 99 }), whole("found"));
    },
  },
  {
    checks: ["2.2b"],
    name: "a missing id finds nothing, even if everything else matches",
    async run({ store }) {
      await store.saveToken({ ...whole("here"), id: "here" });
      expectNull(await store.findToken({ ...whole("here"), id: "missing" }));
    },
  },
  {
    checks: ["2.2a"],
    name: "an id overrides every other property, including another user and client",
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
    name: "a lookup that finds nothing falls through to the next one",
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
    name: "a lookup that finds only an incompatible record falls through to the next one",
    async run({ store }) {
      await store.saveToken({ clientId: "c1", grantToken: "g" });
      await store.saveToken({ clientId: "c2", refreshToken: "r" });
      const query = { clientId: "c2", grantToken: "g", refreshToken: "r" };
      expectToken(await store.findToken(query), { clientId: "c2", refreshToken: "r" });
    },
  },
  {
    checks: ["2.3c"],
    name: "a token value is compared only with values of its own kind",
    async run({ store }) {
      await store.saveToken({ grantToken: "value" });
      expectNull(await store.findToken({ refreshToken: "value" }));
      expectNull(await store.findToken({ accessToken: "value" }));
      expectNull(await store.findToken(user("value")));
      expectNull(await store.findToken({ id: "value" }));
    },
  },
];

/** Everything that a caller can give and that finds no record. */
const NOT_LOOKUPS = [
  "clientId",
  "clientSecret",
  "redirectUrl",
  "refreshTokenExpiresAt",
  "expiresAt",
  "scope",
  "tokenType",
  "idToken",
  "apiDomain",
  "issuer",
  "refreshState",
  "metadata",
] as const;

const none: Case[] = [
  {
    checks: ["2.6a"],
    name: "an empty query finds nothing, with one record and with several",
    async run({ store }) {
      for (const tag of ["one", "two"]) {
        await store.saveToken(whole(tag));
        expectNull(await store.findToken({}));
        expectNull(await store.findToken({ id: null, userSignature: null, refreshToken: "" }));
        expectNull(await store.findToken({ userSignature: { name: "" } }));
      }
    },
  },
  ...NOT_LOOKUPS.map(
    (property): Case => ({
      checks: ["2.6a", "2.1c"],
      name: `a query with ${property} alone finds nothing`,
      async run({ store }) {
        await store.saveToken(whole("only"));
        expectNull(await store.findToken({ [property]: whole("only")[property] }));
      },
    }),
  ),
  {
    checks: ["2.6a", "2.1c"],
    name: "a query with every property except the lookups finds nothing",
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
    name: "an expired record is found by every lookup, repeatedly",
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
