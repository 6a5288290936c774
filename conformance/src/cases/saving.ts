import type { Case } from "../case.js";
import { check, expectIds, expectNull, expectRejection, expectToken, plain, same } from "../expect.js";
import { TOKEN_KINDS, whole } from "../samples.js";

const user = (name: string): { userSignature: { name: string } } => ({ userSignature: { name } });

const matching: Case[] = [
  {
    checks: ["3.1c", "3.1d", "3.1e"],
    name: "the first save inserts, and resolves with the record as it is stored",
    async run({ store }) {
      const saved = expectToken(await store.saveToken(whole("new")), { ...whole("new"), revision: 1 });
      expectToken(await store.findTokenById(saved.id), saved);
      same((await store.getTokens()).length, 1, "the number of records");
    },
  },
  {
    checks: ["3.1a", "3.1c"],
    name: "a save that matches by id updates, even if everything else is new",
    async run({ store }) {
      await store.saveToken({ id: "one", ...whole("old") });
      expectToken(await store.saveToken({ id: "one", ...whole("new") }), {
        id: "one",
        ...whole("new"),
        revision: 2,
      });
      same((await store.getTokens()).length, 1, "the number of records");
    },
  },
  {
    checks: ["3.1b", "3.2e"],
    name: "an id that finds nothing falls through to the other lookups, and the record keeps its own id",
    async run({ store }) {
      await store.saveToken({ id: "own", ...user("u"), refreshToken: "r" });
      const saved = await store.saveToken({ id: "other", ...user("u"), accessToken: "a" });
      expectToken(saved, { id: "own", ...user("u"), refreshToken: "r", accessToken: "a", revision: 2 });
      expectNull(await store.findTokenById("other"));
      expectIds(await store.getTokens(), ["own"]);
    },
  },
  ...(["userSignature", ...TOKEN_KINDS] as const).map(
    (property): Case => ({
      checks: ["3.1b"],
      name: `a save that matches by ${property} alone updates`,
      async run({ store }) {
        await store.saveToken(whole("bystander"));
        const { id } = expectToken(await store.saveToken(whole("match")), whole("match"));
        const saved = await store.saveToken({ [property]: whole("match")[property], apiDomain: "updated" });
        expectToken(saved, { ...whole("match"), id, apiDomain: "updated", revision: 2 });
        expectToken(await store.findTokenById(id), {
          ...whole("match"),
          id,
          apiDomain: "updated",
          revision: 2,
        });
        expectToken(await store.findToken(whole("bystander")), { ...whole("bystander"), revision: 1 });
      },
    }),
  ),
  {
    checks: ["3.1c", "2.4a"],
    name: "a save for another client of the same user inserts",
    async run({ store }) {
      await store.saveToken({ ...user("u"), clientId: "c1", refreshToken: "r1" });
      await store.saveToken({ ...user("u"), clientId: "c2", refreshToken: "r2" });
      const first = { ...user("u"), clientId: "c1", refreshToken: "r1", revision: 1 };
      expectToken(await store.findToken({ ...user("u"), clientId: "c1" }), first);
      same((await store.getTokens()).length, 2, "the number of records");
    },
  },
  {
    checks: ["3.1b"],
    name: "a save matches by a grant token that was exchanged earlier",
    async run({ store }) {
      const { id } = expectToken(await store.saveToken({ grantToken: "code" }), { grantToken: "code" });
      await store.saveToken({ id, refreshToken: "r", accessToken: "a" });
      const saved = await store.saveToken({ grantToken: "code", apiDomain: "d" });
      expectToken(saved, { id, grantToken: "code", refreshToken: "r", accessToken: "a", apiDomain: "d" });
    },
  },
];

const inserting: Case[] = [
  {
    checks: ["3.3a"],
    name: "an insert without any token is refused, and leaves nothing behind",
    async run({ store }) {
      for (const given of [
        {},
        { id: "x" },
        user("u"),
        { clientId: "c", clientSecret: "s" },
        { id: "x", ...user("u"), expiresAt: 1 },
      ]) {
        await expectRejection(() => store.saveToken(given), "ERR_INVALID_TOKEN");
      }
      same(await store.getTokens(), [], "getTokens()");
      expectNull(await store.findToken(user("u")));
      expectToken(await store.saveToken({ id: "x", ...user("u"), refreshToken: "r" }), {
        id: "x",
        ...user("u"),
        refreshToken: "r",
        revision: 1,
      });
    },
  },
  ...TOKEN_KINDS.map(
    (kind): Case => ({
      checks: ["3.3a", "3.3b"],
      name: `a ${kind} is enough for an insert, and a given id is kept`,
      async run({ store }) {
        expectToken(await store.saveToken({ id: "007", [kind]: "t" }), {
          id: "007",
          [kind]: "t",
          revision: 1,
        });
      },
    }),
  ),
  {
    checks: ["3.3c"],
    name: "the store never makes an id again, even if the last record was deleted",
    async run({ store }) {
      const ids = new Set<string>();
      for (let round = 0; round < 12; round++) {
        const { id } = plain(await store.saveToken({ refreshToken: `r-${round}` }));
        check(id !== null && !ids.has(id), "an id that was never used", String(id));
        ids.add(id);
        if (round % 2 === 0) await store.deleteToken(id);
      }
      await store.deleteTokens();
      const { id } = plain(await store.saveToken({ refreshToken: "after" }));
      check(id !== null && !ids.has(id), "an id that was never used, also after deleteTokens", String(id));
    },
  },
  {
    checks: ["3.3d"],
    name: "stores that can't see each other make different ids",
    needs: ["namespaces"],
    async run({ store, open }) {
      const other = await open({ namespace: "other" });
      const ids = [];
      for (const one of [store, other]) ids.push(plain(await one.saveToken({ refreshToken: "r" })).id);
      check(ids[0] !== ids[1], "two ids", `${ids[0]} twice: it was made by counting`);
    },
  },
];

export const saving: Case[] = [...matching, ...inserting];
