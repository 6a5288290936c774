import type { TokenStore } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectToken, plain, same } from "../expect.js";
import { TOKEN_KINDS, whole } from "../samples.js";
import { show } from "../show.js";

const CALLERS = 50;

async function oneAtRevision(store: TokenStore, revision: number): Promise<void> {
  const tokens = await store.getTokens();
  same(tokens.length, 1, "the number of records");
  same(plain(tokens[0]).revision, revision, "the revision");
}

export const concurrentSaves: Case[] = [
  {
    checks: ["3.5a", "3.4d"],
    name: "50 concurrent saves of one new token leave one record at revision 50",
    async run({ store }) {
      const saved = await Promise.all(Array.from({ length: CALLERS }, () => store.saveToken(whole("one"))));
      await oneAtRevision(store, CALLERS);
      const revisions = saved.map((token) => plain(token).revision ?? 0).sort((a, b) => a - b);
      same(
        revisions,
        Array.from({ length: CALLERS }, (_, n) => n + 1),
        "the revisions that the saves resolved with",
      );
      same(new Set(saved.map((token) => plain(token).id)).size, 1, "the number of ids");
    },
  },
  {
    checks: ["3.5a", "3.5c"],
    name: "50 concurrent updates by id leave one record at revision 51, and the last is whole",
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      await Promise.all(
        Array.from({ length: CALLERS }, (_, n) =>
          store.saveToken({
            id: "one",
            accessToken: `a-${n}`,
            expiresAt: n,
            apiDomain: `${n}`,
            redirectUrl: `${n}`,
          }),
        ),
      );
      await oneAtRevision(store, CALLERS + 1);
      const { expiresAt: n, ...token } = plain(await store.findTokenById("one"));
      same(
        [token.accessToken, token.apiDomain, token.redirectUrl],
        [`a-${n}`, `${n}`, `${n}`],
        "the parts of one save",
      );
    },
  },
  {
    checks: ["3.5b"],
    name: "concurrent saves of different properties of one record lose none of them",
    async run({ store }) {
      await store.saveToken({ id: "one", grantToken: "g" });
      await Promise.all([
        store.saveToken({ id: "one", clientId: "c" }),
        store.saveToken({ grantToken: "g", refreshToken: "r" }),
        store.saveToken({ id: "one", accessToken: "a", expiresAt: 9 }),
        store.saveToken({ grantToken: "g", apiDomain: "d" }),
        store.saveToken({ id: "one", userSignature: { name: "u" } }),
      ]);
      const expected = {
        id: "one",
        grantToken: "g",
        clientId: "c",
        refreshToken: "r",
        accessToken: "a",
        expiresAt: 9,
      };
      const found = await store.findTokenById("one");
      expectToken(found, { ...expected, apiDomain: "d", userSignature: { name: "u" }, revision: 6 });
    },
  },
  {
    checks: ["3.5b"],
    name: "20 users saved concurrently for the first time are all kept",
    async run({ store }) {
      await Promise.all(Array.from({ length: 20 }, (_, n) => store.saveToken(whole(`${n}`))));
      same((await store.getTokens()).length, 20, "the number of records");
      for (let n = 0; n < 20; n++)
        expectToken(await store.findToken(whole(`${n}`)), { ...whole(`${n}`), revision: 1 });
    },
  },
  {
    checks: ["3.5c"],
    name: "no reader sees half of a save",
    async run({ store }) {
      await store.saveToken({
        id: "one",
        refreshToken: "r",
        accessToken: "a-0",
        apiDomain: "0",
        expiresAt: 0,
      });
      let isDone = false;
      const writing = (async () => {
        for (let n = 1; n <= 40; n++) {
          await store.saveToken({ id: "one", accessToken: `a-${n}`, apiDomain: `${n}`, expiresAt: n });
        }
        isDone = true;
      })();
      const read = async (find: () => Promise<unknown>): Promise<void> => {
        while (!isDone) {
          const token = await find();
          const { accessToken, apiDomain, expiresAt } = plain(token);
          check(
            accessToken === `a-${expiresAt}` && apiDomain === `${expiresAt}`,
            "the parts of one save",
            show(token),
          );
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const readers = [
        read(() => store.findTokenById("one")),
        read(() => store.findToken({ refreshToken: "r" })),
        read(async () => (await store.getTokens())[0]),
      ];
      // If a write fails, the readers must stop too.
      await Promise.all([
        writing.finally(() => {
          isDone = true;
        }),
        ...readers,
      ]);
    },
  },
  {
    checks: ["3.5d"],
    name: "concurrent saves of one token through several stores all succeed",
    needs: ["shared"],
    async run({ store, open }) {
      const stores = [store, await open(), await open()];
      await Promise.all(
        stores.flatMap((one) => Array.from({ length: 10 }, () => one.saveToken(whole("one")))),
      );
      for (const one of stores) await oneAtRevision(one, 30);
      for (const kind of TOKEN_KINDS) {
        expectToken(await store.findToken({ [kind]: whole("one")[kind] }), { ...whole("one"), revision: 30 });
      }
    },
  },
];
