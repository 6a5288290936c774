import type { OAuthToken, TokenInput, TokenStore } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectNull, expectRejection, expectToken, plain, same } from "../expect.js";
import { startChild } from "../processes/index.js";
import { TOKEN_KINDS, whole } from "../samples.js";

type How = "spread" | "Object.assign" | "structuredClone" | "picked properties" | "omitted properties";

/** A record as it is first saved. */
const FIRST = {
  id: "one",
  userSignature: { name: "u" },
  clientId: "c",
  refreshToken: "r1",
  refreshTokenExpiresAt: 100,
  refreshState: { failures: 0 },
  accessToken: "a1",
  expiresAt: 1,
  scope: "read",
} as const;

/** What another caller saves meanwhile: a new login. */
const LOGIN = {
  refreshToken: "r2",
  refreshTokenExpiresAt: 200,
  refreshState: { failures: 2 },
  scope: "read write",
};

/** Saves the record, then something newer, and returns the token of the first save. */
async function staleToken(store: TokenStore, newer: TokenInput = LOGIN): Promise<OAuthToken> {
  const token = await store.saveToken(FIRST);
  await store.saveToken({ id: "one", ...newer });
  return token;
}

export const changedCopies: Case[] = [
  {
    checks: ["3.7a", "3.7b"],
    name: "a stale copy saves what was changed in it, and undoes nothing",
    async run({ store }) {
      const token = await staleToken(store);
      const saved = await store.saveToken(token.with({ accessToken: "a2", expiresAt: 2 }));
      const expected = { ...FIRST, ...LOGIN, accessToken: "a2", expiresAt: 2, revision: 3 };
      expectToken(saved, expected);
      expectToken(await store.findTokenById("one"), expected);
      expectNull(await store.findToken({ refreshToken: "r1" }));
    },
  },
  {
    checks: ["3.7a", "3.7b", "9.1c"],
    name: "a stale token that is saved as it is undoes nothing",
    async run({ store }) {
      const token = await staleToken(store, { ...LOGIN, accessToken: "a2", expiresAt: 2 });
      const expected = { ...FIRST, ...LOGIN, accessToken: "a2", expiresAt: 2 };
      expectToken(await store.saveToken(token), { ...expected, revision: 3 });
    },
  },
  {
    checks: ["3.7a", "3.7b"],
    name: "copies of tokens from findToken, findTokenById, getTokens and tokens() undo nothing either",
    async run(kit) {
      const { store } = kit;
      await store.saveToken(FIRST);
      const tokens = [
        await store.findToken({ userSignature: { name: "u" } }),
        await store.findTokenById("one"),
        (await store.getTokens())[0] ?? null,
      ];
      if (kit.capabilities.iteration) for await (const token of store.tokens()) tokens.push(token);
      await store.saveToken({ id: "one", ...LOGIN });
      for (const [index, token] of tokens.entries()) {
        const saved = await store.saveToken(token?.with({ apiDomain: `${index}` }) ?? {});
        expectToken(saved, { ...FIRST, ...LOGIN, apiDomain: `${index}` });
      }
    },
  },
  {
    checks: ["3.7c", "3.7a"],
    name: "the changes of several with() add up, and one that was taken back is none",
    async run({ store }) {
      const token = await staleToken(store);
      const copy = token
        .with({ apiDomain: "d", scope: "other" })
        .with({ accessToken: "a2" })
        .with({ scope: FIRST.scope, expiresAt: 3 });
      const expected = { ...FIRST, ...LOGIN, apiDomain: "d", accessToken: "a2", expiresAt: 3, revision: 3 };
      expectToken(await store.saveToken(copy), expected);
    },
  },
  {
    checks: ["3.7b", "3.5b"],
    name: "concurrent saves of copies of one token lose no change",
    async run({ store }) {
      const token = await store.saveToken({ id: "one", refreshToken: "r" });
      const changes: TokenInput[] = [
        { apiDomain: "d" },
        { scope: "s" },
        { clientId: "c" },
        { metadata: { m: 1 } },
        { accessToken: "a", expiresAt: 1 },
        { issuer: "i" },
      ];
      await Promise.all(changes.map((change) => store.saveToken(token.with(change))));
      const expected = Object.assign({ id: "one", refreshToken: "r" }, ...changes);
      expectToken(await store.findTokenById("one"), { ...expected, revision: changes.length + 1 });
    },
  },
  {
    checks: ["3.7b"],
    name: "a copy undoes nothing that another process has changed since",
    needs: ["shared"],
    async run(kit) {
      const child = await startChild(kit);
      for (let round = 1; round <= 5; round++) {
        const token = await kit.store.saveToken({ id: "one", refreshToken: `old-${round}` });
        await child.run("save", {
          tokens: [{ id: "one", refreshToken: `new-${round}`, scope: `s-${round}` }],
        });
        const saved = await kit.store.saveToken(token.with({ accessToken: `a-${round}` }));
        const expected = { id: "one", refreshToken: `new-${round}`, scope: `s-${round}` };
        expectToken(saved, { ...expected, accessToken: `a-${round}`, revision: round * 3 });
      }
    },
  },
  {
    checks: ["3.7c"],
    name: "in plain properties everything given counts",
    async run({ store }) {
      const token = await staleToken(store);
      expectToken(await store.saveToken(plain(token)), { ...FIRST, revision: 3 });
    },
  },
  {
    checks: ["3.7c"],
    name: "in a token of another store everything given counts",
    needs: ["shared"],
    async run({ store, open }) {
      const other = await open();
      const token = await staleToken(store);
      expectToken(await other.saveToken(token.with({ apiDomain: "d" })), {
        ...FIRST,
        apiDomain: "d",
        revision: 3,
      });
    },
  },
  {
    checks: ["3.7d", "3.6b"],
    name: "ifRevision decides before a changed copy is merged",
    needs: ["revisions"],
    async run({ store }) {
      const token = await staleToken(store);
      const copy = token.with({ apiDomain: "d" });
      for (const ifRevision of [0, 1, 3]) {
        await expectRejection(() => store.saveToken(copy, { ifRevision }), "ERR_CONFLICT", { id: "one" });
      }
      expectToken(await store.findTokenById("one"), { ...FIRST, ...LOGIN, revision: 2 });
      const expected = { ...FIRST, ...LOGIN, apiDomain: "d", revision: 3 };
      expectToken(await store.saveToken(copy, { ifRevision: 2 }), expected);
    },
  },
  {
    checks: ["3.7e"],
    name: "null in a changed copy removes the property, and nothing finds its value any more",
    async run({ store }) {
      let stored: TokenInput & { id: string } = { ...whole("removed"), id: "removed" };
      await store.saveToken(stored);
      // The access token stays, because a record needs a token.
      const removable = Object.keys(whole("removed")).filter(
        (property) => !/^(accessToken|expiresAt)$/.test(property),
      );
      for (const property of removable as (keyof ReturnType<typeof whole>)[]) {
        const token = await store.findTokenById("removed");
        const dependent =
          property === "refreshToken" ? { refreshTokenExpiresAt: null, refreshState: null } : {};
        stored = { ...stored, ...dependent, [property]: null };
        expectToken(await store.saveToken(token?.with({ [property]: null }) ?? {}), stored);
        expectToken(await store.findTokenById("removed"), stored);
      }
      for (const property of ["userSignature", "grantToken", "refreshToken"] as const) {
        expectNull(await store.findToken({ [property]: whole("removed")[property] }));
      }
      await store.saveToken({ id: "next", grantToken: whole("removed").grantToken });
    },
  },
  {
    checks: ["3.7e", "3.7b"],
    name: "null in a stale copy removes the property, and undoes nothing else",
    async run({ store }) {
      const token = await staleToken(store, { accessToken: "a2", expiresAt: 2, scope: "other" });
      const copy = token.with({ refreshToken: null });
      const removed = { refreshToken: null, refreshTokenExpiresAt: null, refreshState: null };
      const expected = { ...FIRST, accessToken: "a2", expiresAt: 2, scope: "other", ...removed, revision: 3 };
      expectToken(await store.saveToken(copy), expected);
    },
  },
  {
    checks: ["3.7e", "1.1c"],
    name: 'null in plain properties still means "not given"',
    async run({ store }) {
      const token = await store.saveToken(FIRST);
      const given = { ...plain(token), refreshToken: null, scope: null };
      expectToken(await store.saveToken(given), { ...FIRST, revision: 2 });
    },
  },
  {
    checks: ["3.7e"],
    name: "a changed copy without any token is refused, and changes nothing",
    async run({ store }) {
      const token = await store.saveToken({ ...whole("kept"), id: "kept" });
      const none = Object.fromEntries(TOKEN_KINDS.map((kind) => [kind, null]));
      await expectRejection(() => store.saveToken(token.with(none)), "ERR_INVALID_TOKEN");
      expectToken(await store.findTokenById("kept"), { ...whole("kept"), id: "kept", revision: 1 });
    },
  },
  {
    checks: ["3.7f"],
    name: "a changed access token in a copy has no expiresAt but its own",
    async run({ store }) {
      const token = await store.saveToken(FIRST);
      const saved = await store.saveToken(token.with({ accessToken: "a2" }));
      expectToken(saved, { ...FIRST, accessToken: "a2", expiresAt: null });
      expectToken(await store.findTokenById("one"), { ...FIRST, accessToken: "a2", expiresAt: null });
      await store.saveToken({ id: "one", accessToken: "a3", expiresAt: 3 });
      const again = await store.saveToken(token.with({ accessToken: "a4", expiresAt: FIRST.expiresAt }));
      const expected = { ...FIRST, accessToken: "a4", expiresAt: FIRST.expiresAt };
      expectToken(again, expected);
      expectToken(await store.findTokenById("one"), expected);
    },
  },
  {
    checks: ["3.7f"],
    name: "a changed refresh token in a copy has no refreshTokenExpiresAt and refreshState but its own",
    async run({ store }) {
      const none = { refreshTokenExpiresAt: null, refreshState: null };
      const token = await store.saveToken(FIRST);
      const saved = await store.saveToken(token.with({ refreshToken: "r3" }));
      expectToken(saved, { ...FIRST, ...none, refreshToken: "r3" });
      await store.saveToken({ id: "one", ...LOGIN });
      const again = token.with({ refreshToken: "r4", refreshTokenExpiresAt: FIRST.refreshTokenExpiresAt });
      const own = { refreshToken: "r4", refreshTokenExpiresAt: FIRST.refreshTokenExpiresAt };
      const expected = { ...FIRST, ...none, scope: LOGIN.scope, ...own };
      expectToken(await store.saveToken(again), expected);
      expectToken(await store.findTokenById("one"), expected);
    },
  },
  ...(["spread", "Object.assign", "structuredClone", "picked properties", "omitted properties"] as const).map(
    (how): Case => ({
      checks: ["9.1e"],
      name: `a changed copy made with ${how} updates the same record`,
      async run({ store }) {
        const token = await store.saveToken(FIRST);
        const copy = COPIES[how](token, { accessToken: "a2", expiresAt: 2 });
        const expected = { ...FIRST, accessToken: "a2", expiresAt: 2, revision: 2 };
        expectToken(await store.saveToken(copy), expected);
        expectToken(await store.findToken({ userSignature: { name: "u" } }), expected);
        same((await store.getTokens()).length, 1, "the number of records");
      },
    }),
  ),
  ...(["spread", "Object.assign"] as const).map(
    (how): Case => ({
      checks: ["9.1f", "3.7b"],
      name: `a stale copy made with ${how} undoes nothing`,
      async run({ store }) {
        const token = await staleToken(store);
        const copy = COPIES[how](token, { accessToken: "a2", expiresAt: 2 });
        const expected = { ...FIRST, ...LOGIN, accessToken: "a2", expiresAt: 2, revision: 3 };
        expectToken(await store.saveToken(copy), expected);
      },
    }),
  ),
];

const COPIES: Readonly<Record<How, (token: OAuthToken, changes: TokenInput) => TokenInput>> = {
  spread: (token, changes) => ({ ...token, ...changes }),
  "Object.assign": (token, changes) => Object.assign({}, token, changes),
  structuredClone: (token, changes) => Object.assign(structuredClone(token), changes) as TokenInput,
  "picked properties": ({ userSignature, clientId }, changes) => ({ userSignature, clientId, ...changes }),
  "omitted properties": ({ accessToken: _, expiresAt: __, ...rest }, changes) => ({ ...rest, ...changes }),
};
