import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectError, expectIds, expectNull, expectRejection, expectToken, plain, same } from "../expect.js";
import { TOKEN_KINDS } from "../samples.js";

const user = (name: string): { userSignature: { name: string } } => ({ userSignature: { name } });

export const uniqueness: Case[] = [
  ...TOKEN_KINDS.map(
    (kind): Case => ({
      checks: ["3.4a", "3.4f", "3.4g"],
      name: `an insert with another user's ${kind} is a conflict that names it and its record`,
      async run({ store }) {
        await store.saveToken({ id: "owner", ...user("one"), [kind]: "the-value" });
        const given = { id: "thief", ...user("two"), [kind]: "the-value" };
        await expectRejection(() => store.saveToken(given), "ERR_CONFLICT", {
          property: kind,
          id: "owner",
          hides: ["the-value"],
        });
        expectNull(await store.findToken(user("two")));
        expectToken(await store.findTokenById("owner"), {
          id: "owner",
          ...user("one"),
          [kind]: "the-value",
          revision: 1,
        });
        expectIds(await store.getTokens(), ["owner"]);
      },
    }),
  ),
  ...TOKEN_KINDS.map(
    (kind): Case => ({
      checks: ["3.4a", "3.4f", "3.4g"],
      name: `an update to another record's ${kind} is a conflict, and changes neither`,
      async run({ store }) {
        const owner = { id: "owner", ...user("one"), [kind]: "the-value" };
        const other = { id: "other", ...user("two"), [kind]: "own-value" };
        for (const record of [owner, other]) await store.saveToken(record);
        const change = { id: "other", [kind]: "the-value", apiDomain: "changed", redirectUrl: "changed" };
        await expectRejection(() => store.saveToken(change), "ERR_CONFLICT", { property: kind, id: "owner" });
        expectToken(await store.findTokenById("owner"), { ...owner, revision: 1 });
        expectToken(await store.findTokenById("other"), { ...other, revision: 1 });
        expectToken(await store.findToken({ [kind]: "the-value" }), owner);
        expectToken(await store.findToken({ [kind]: "own-value" }), other);
      },
    }),
  ),
  {
    checks: ["3.4b", "3.4f", "3.4g"],
    name: "a user together with its client belongs to one record",
    async run({ store }) {
      const owner: TokenInput = { id: "owner", ...user("one"), clientId: "c", refreshToken: "r1" };
      await store.saveToken(owner);
      await store.saveToken({ id: "other", clientId: "c", refreshToken: "r2" });
      const expected = { property: "user", id: "owner" };
      await expectRejection(() => store.saveToken({ id: "other", ...user("one") }), "ERR_CONFLICT", expected);
      expectToken(await store.findTokenById("other"), {
        id: "other",
        clientId: "c",
        refreshToken: "r2",
        revision: 1,
      });
      await store.saveToken({ id: "other", ...user("two") });
      expectToken(await store.findToken({ ...user("one"), clientId: "c" }), owner);
    },
  },
  {
    checks: ["3.4b", "3.4f", "3.4g"],
    name: "a user without a client belongs to one record, however many the user has with one",
    async run({ store }) {
      await store.saveToken({ id: "with", ...user("u"), clientId: "c", refreshToken: "r0" });
      for (const id of ["without", "second"]) await store.saveToken({ id, refreshToken: `r-${id}` });
      await store.saveToken({ id: "without", ...user("u") });
      const expected = { property: "user", id: "without" };
      await expectRejection(() => store.saveToken({ id: "second", ...user("u") }), "ERR_CONFLICT", expected);
      expectToken(await store.findTokenById("second"), {
        id: "second",
        refreshToken: "r-second",
        revision: 1,
      });
    },
  },
  {
    checks: ["3.4b"],
    name: "a user and a client that are the same text when concatenated are not the same",
    async run({ store }) {
      const pairs = [
        ["a", "bc"],
        ["ab", "c"],
        ["a:b", "c"],
        ["a", "b:c"],
        ["a\0b", "c"],
        ["a", "b\0c"],
        ["null", "null"],
      ] as const;
      for (const [name, clientId] of pairs) {
        await store.saveToken({ ...user(name), clientId, refreshToken: `${name}|${clientId}|r` });
      }
      await store.saveToken({ ...user("null2"), refreshToken: "no client" });
      for (const [name, clientId] of pairs) {
        const expected = { ...user(name), clientId, refreshToken: `${name}|${clientId}|r`, revision: 1 };
        expectToken(await store.findToken({ ...user(name), clientId }), expected);
      }
    },
  },
  {
    checks: ["3.4a"],
    name: "a value may be the same in properties that need not be unique, and in another kind of token",
    async run({ store }) {
      const shared = { clientId: "c", clientSecret: "s", redirectUrl: "u", apiDomain: "d", expiresAt: 1 };
      await store.saveToken({
        ...shared,
        ...user("one"),
        grantToken: "x",
        refreshToken: "y",
        accessToken: "z",
      });
      await store.saveToken({
        ...shared,
        ...user("two"),
        grantToken: "y",
        refreshToken: "z",
        accessToken: "x",
      });
      same((await store.getTokens()).length, 2, "the number of records");
    },
  },
  {
    checks: ["3.4d", "3.4b"],
    name: "concurrent first saves of one user with one client, each with its own token, leave one record",
    async run({ store }) {
      for (const clientId of ["c", null]) {
        const given = { ...user(`user-of-${clientId}`), clientId };
        const saves = Array.from({ length: 20 }, (_, n) =>
          store.saveToken({ ...given, refreshToken: `r-${clientId}-${n}` }),
        );
        const ids = (await Promise.all(saves)).map((token) => plain(token).id);
        same(new Set(ids).size, 1, "the number of ids that the saves resolved with");
        same(plain(await store.findToken(given)).revision, 20, "the revision");
      }
      same((await store.getTokens()).length, 2, "the number of records");
    },
  },
  {
    checks: ["3.4c", "3.4d"],
    name: "concurrent first saves with one id leave one record, which all of them updated",
    async run({ store }) {
      await Promise.all(
        Array.from({ length: 20 }, (_, n) => store.saveToken({ id: "one", accessToken: `a-${n}` })),
      );
      const tokens = await store.getTokens();
      expectIds(tokens, ["one"]);
      same(plain(tokens[0]).revision, 20, "the revision");
    },
  },
  {
    checks: ["3.4d", "3.4a"],
    name: "of many concurrent inserts of one value by different users, one succeeds and the others are conflicts",
    async run({ store }) {
      for (const kind of TOKEN_KINDS) {
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, n) =>
            store.saveToken({ ...user(`${kind}-${n}`), [kind]: "wanted" }),
          ),
        );
        same(
          results.filter(({ status }) => status === "fulfilled").length,
          1,
          `the inserts of one ${kind} that succeeded`,
        );
        for (const result of results) {
          if (result.status === "rejected") expectError(result.reason, "ERR_CONFLICT", { property: kind });
        }
      }
      same((await store.getTokens()).length, 3, "the number of records");
    },
  },
  {
    checks: ["3.4e", "3.4c"],
    name: "concurrent first saves with one id through several stores leave one record, which all of them updated",
    needs: ["shared"],
    async run({ store, open }) {
      const stores = [store, await open(), await open()];
      for (let round = 0; round < 8; round++) {
        const id = `${round}`;
        await Promise.all(stores.map((one, n) => one.saveToken({ id, accessToken: `a-${round}-${n}` })));
        const found = await store.findTokenById(id);
        same(found === null ? null : plain(found).revision, 3, "the revision");
      }
    },
  },
  {
    checks: ["3.4e", "3.4a"],
    name: "of concurrent inserts of one value through several stores, one succeeds",
    needs: ["shared"],
    async run({ store, open }) {
      const stores = [store, await open(), await open()];
      for (let round = 0; round < 8; round++) {
        const results = await Promise.allSettled(
          stores.map((one, n) => one.saveToken({ ...user(`${round}-${n}`), refreshToken: `r-${round}` })),
        );
        same(results.filter(({ status }) => status === "fulfilled").length, 1, "the inserts that succeeded");
      }
      same((await store.getTokens()).length, 8, "the number of records");
    },
  },
];
