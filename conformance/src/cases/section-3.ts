import type { Case } from "../case.js";
import { check, expectIds, expectNull, expectRejection, expectToken, plain, same } from "../expect.js";
import { TOKEN_KINDS, whole } from "../samples.js";
import { atOnce } from "./section-3-at-once.js";
import { unique } from "./section-3-unique.js";

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
    name: "a save that matches by id updates, though everything else is new",
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
    name: "an id that hits nothing gives way to the other lookups, and the record keeps its own id",
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
    name: "a save of another client of the same user inserts",
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
    name: "a save finds the record that a grant token led to before a restart of the program",
    async run({ store }) {
      const { id } = expectToken(await store.saveToken({ grantToken: "code" }), { grantToken: "code" });
      await store.saveToken({ id, refreshToken: "r", accessToken: "a" });
      const saved = await store.saveToken({ grantToken: "code", apiDomain: "d" });
      expectToken(saved, { id, grantToken: "code", refreshToken: "r", accessToken: "a", apiDomain: "d" });
    },
  },
];

const merging: Case[] = [
  {
    checks: ["3.2b"],
    name: "a refresh response without a refresh token does not lose the stored one",
    async run({ store }) {
      await store.saveToken(whole("u"));
      const refreshed = { ...user("u@example.com"), accessToken: "new", expiresAt: 2_000_000_000_000 };
      const expected = { ...whole("u"), accessToken: "new", expiresAt: 2_000_000_000_000, revision: 2 };
      expectToken(await store.saveToken(refreshed), expected);
      expectToken(await store.findToken({ refreshToken: whole("u").refreshToken }), expected);
    },
  },
  {
    checks: ["3.2c"],
    name: "a different access token without expiresAt leaves expiresAt null",
    async run({ store }) {
      for (const nothing of [undefined, null]) {
        const id = `id-${nothing}`;
        await store.saveToken({
          id,
          refreshToken: id,
          accessToken: `old-${id}`,
          expiresAt: 1_893_456_000_000,
        });
        await store.saveToken({ id, accessToken: `new-${id}`, expiresAt: nothing });
        expectToken(await store.findTokenById(id), {
          id,
          refreshToken: id,
          accessToken: `new-${id}`,
          expiresAt: null,
        });
      }
    },
  },
  {
    checks: ["3.2d"],
    name: "the same access token, or none, keeps expiresAt; a given one replaces it, 0 too",
    async run({ store }) {
      const stored = { id: "one", accessToken: "a", expiresAt: 1_893_456_000_001 };
      await store.saveToken(stored);
      expectToken(await store.saveToken({ id: "one", accessToken: "a" }), stored);
      expectToken(await store.saveToken({ id: "one" }), stored);
      expectToken(await store.saveToken({ id: "one", expiresAt: 7 }), { ...stored, expiresAt: 7 });
      expectToken(await store.saveToken({ id: "one", expiresAt: 0 }), { ...stored, expiresAt: 0 });
      expectToken(await store.findTokenById("one"), { ...stored, expiresAt: 0, revision: 5 });
    },
  },
  {
    checks: ["3.2a"],
    name: "each property replaces alone, and the rest stays",
    async run({ store }) {
      const id = "one";
      let stored = { ...whole("old"), id };
      await store.saveToken(stored);
      for (const property of Object.keys(whole("new")) as (keyof ReturnType<typeof whole>)[]) {
        const change =
          property === "accessToken"
            ? { accessToken: "x", expiresAt: 5 }
            : { [property]: whole("new")[property] };
        stored = { ...stored, ...change };
        expectToken(await store.saveToken({ id, ...change }), stored);
        expectToken(await store.findTokenById(id), stored);
      }
    },
  },
  {
    checks: ["3.2a", "1.1c"],
    name: "null, undefined and empty strings change nothing but the revision",
    async run({ store }) {
      const stored = { ...whole("stays"), id: "stays" };
      await store.saveToken(stored);
      for (const nothing of [null, undefined, ""]) {
        const empty = Object.fromEntries(Object.keys(whole("x")).map((property) => [property, nothing]));
        await store.saveToken({ ...empty, userSignature: null, expiresAt: null, id: "stays" });
      }
      expectToken(await store.findTokenById("stays"), { ...stored, revision: 4 });
    },
  },
  {
    checks: ["1.0c", "1.0b"],
    name: "the revision that a caller passes in decides nothing",
    async run({ store }) {
      expectToken(await store.saveToken({ id: "one", refreshToken: "r", revision: 41 }), {
        id: "one",
        refreshToken: "r",
        revision: 1,
      });
      expectToken(await store.saveToken({ id: "one", revision: 7 }), {
        id: "one",
        refreshToken: "r",
        revision: 2,
      });
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
    name: "an id that the store makes is never one that it made before, though the last record was deleted",
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
      check(id !== null && !ids.has(id), "an id that was never used, after deleteTokens too", String(id));
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

const conditions: Case[] = [
  {
    checks: ["3.6a", "3.6b"],
    name: "ifRevision saves at that revision, and only there",
    needs: ["revisions"],
    async run({ store }) {
      const id = "one";
      await store.saveToken({ id, refreshToken: "r" });
      expectToken(await store.saveToken({ id, accessToken: "a" }, { ifRevision: 1 }), {
        id,
        refreshToken: "r",
        accessToken: "a",
        revision: 2,
      });
      for (const ifRevision of [0, 1, 3]) {
        await expectRejection(
          () => store.saveToken({ id, accessToken: "b" }, { ifRevision }),
          "ERR_CONFLICT",
          { id },
        );
      }
      expectToken(await store.findTokenById(id), { id, refreshToken: "r", accessToken: "a", revision: 2 });
    },
  },
  {
    checks: ["3.6b"],
    name: "ifRevision of a record that is not there is a conflict, and inserts nothing",
    needs: ["revisions"],
    async run({ store }) {
      await expectRejection(
        () => store.saveToken({ id: "x", refreshToken: "r" }, { ifRevision: 1 }),
        "ERR_CONFLICT",
      );
      await expectRejection(() => store.saveToken({ refreshToken: "r" }, { ifRevision: 5 }), "ERR_CONFLICT");
      same(await store.getTokens(), [], "getTokens()");
    },
  },
  {
    checks: ["3.6a", "3.6b"],
    name: "ifRevision counts whichever lookup leads to the record",
    needs: ["revisions"],
    async run({ store }) {
      const stored = { ...whole("one"), id: "one" };
      await store.saveToken(stored);
      let revision = 1;
      for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
        const given = { [property]: stored[property], apiDomain: property };
        await expectRejection(() => store.saveToken(given, { ifRevision: revision + 1 }), "ERR_CONFLICT");
        const saved = await store.saveToken(given, { ifRevision: revision });
        expectToken(saved, { ...stored, apiDomain: property, revision: ++revision });
      }
    },
  },
  {
    checks: ["3.6c", "3.6b"],
    name: "ifRevision: 0 inserts, and never updates, whichever lookup would match",
    needs: ["revisions"],
    async run({ store }) {
      const stored = { ...whole("one"), id: "one" };
      expectToken(await store.saveToken(stored, { ifRevision: 0 }), { ...stored, revision: 1 });
      for (const property of ["id", "userSignature", ...TOKEN_KINDS] as const) {
        const given = { [property]: stored[property], apiDomain: "changed" };
        await expectRejection(() => store.saveToken(given, { ifRevision: 0 }), "ERR_CONFLICT");
      }
      expectToken(await store.findTokenById("one"), { ...stored, revision: 1 });
    },
  },
  {
    checks: ["3.6d"],
    name: "of many saves at one revision, at once, exactly one succeeds",
    needs: ["revisions"],
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, n) =>
          store.saveToken({ id: "one", apiDomain: `d-${n}` }, { ifRevision: 1 }),
        ),
      );
      same(results.filter(({ status }) => status === "fulfilled").length, 1, "the saves that succeeded");
      for (const result of results) {
        if (result.status === "rejected") {
          await expectRejection(() => Promise.reject(result.reason), "ERR_CONFLICT");
        }
      }
      const found = await store.findTokenById("one");
      same(found === null ? null : plain(found).revision, 2, "the revision");
    },
  },
  {
    checks: ["3.6e", "7.2b"],
    name: "an ifRevision that is no whole number of 0 or more is ERR_INVALID_OPTIONS",
    needs: ["revisions"],
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      for (const ifRevision of [-1, 1.5, Number.NaN, "1", {}]) {
        const options = { ifRevision } as { ifRevision: number };
        await expectRejection(() => store.saveToken({ id: "one" }, options), "ERR_INVALID_OPTIONS");
      }
      expectToken(await store.findTokenById("one"), { id: "one", refreshToken: "r", revision: 1 });
    },
  },
];

export const section3: Case[] = [...matching, ...merging, ...inserting, ...unique, ...atOnce, ...conditions];
