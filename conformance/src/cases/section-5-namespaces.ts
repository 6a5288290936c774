import assert from "node:assert/strict";
import type { Case } from "../case.js";
import { startChild } from "../processes/index.js";

// Each is another store than every other, however alike they look to a key pattern, a path or a collation.
const NAMES: readonly string[] = [
  "",
  "a",
  "A",
  "a ",
  " a",
  "ab",
  "a:b",
  "a:",
  ":a",
  "a*",
  "a?",
  "[ab]",
  "*",
  "%",
  "_",
  "a_",
  "a%",
  "a/b",
  "a/../b",
  "..",
  "a\\b",
  "a\nb",
  "a\0",
  "{a}",
  "a}{b",
  "a.b",
  "$a",
  "a'; DROP TABLE tokens; --",
  '"a"',
  "`a`",
  "\u00e9",
  "e\u0301",
  "ß",
  "ss",
  "🔑",
  "🔑🔑",
  "x".repeat(255),
  `${"x".repeat(254)}y`,
  "🔑".repeat(255),
  "default",
  "null",
  "undefined",
];

export const namespaces: Case[] = [
  {
    paragraph: "5.3",
    name: "what is in one namespace is seen in no other, whatever the names contain",
    needs: ["namespaces"],
    async run(kit) {
      const stores = await Promise.all(NAMES.map((namespace) => kit.open({ namespace })));
      for (const [index, store] of stores.entries()) {
        await store.saveToken({
          id: "same-id",
          userSignature: { name: "same" },
          refreshToken: "same-refresh",
        });
        await store.saveToken({ refreshToken: `only-${index}` });
      }
      for (const [index, store] of stores.entries()) {
        const name = JSON.stringify(NAMES[index]?.slice(0, 30));
        const tokens = await store.getTokens();
        assert.deepEqual(
          tokens.map((token) => token.refreshToken).sort(),
          [`only-${index}`, "same-refresh"],
          `namespace ${name} must have its own two records and no other`,
        );
        assert.equal((await store.findTokenById("same-id"))?.revision, 1);
        const other = (index + 1) % stores.length;
        assert.equal(await store.findToken({ refreshToken: `only-${other}` }), null);
      }
    },
  },
  {
    paragraph: "5.3",
    name: "deleteTokens of one namespace leaves every other alone",
    needs: ["namespaces"],
    async run(kit) {
      const stores = await Promise.all(NAMES.map((namespace) => kit.open({ namespace })));
      for (const store of stores) await store.saveToken({ refreshToken: "kept" });
      for (const name of ["a", "*", "", "%", "a:"]) {
        const index = NAMES.indexOf(name);
        const cleared = stores[index]!;
        await cleared.deleteTokens();
        assert.deepEqual(await cleared.getTokens(), []);
        for (const [other, store] of stores.entries()) {
          if (other === index) continue;
          assert.notEqual(
            await store.findToken({ refreshToken: "kept" }),
            null,
            `deleteTokens of ${JSON.stringify(name)} emptied ${JSON.stringify(NAMES[other]?.slice(0, 30))}`,
          );
        }
        await cleared.saveToken({ refreshToken: "kept" });
      }
    },
  },
  {
    paragraph: "5.3",
    name: "a record deleted in one namespace stays in the other",
    needs: ["namespaces"],
    async run(kit) {
      const [one, two] = await Promise.all([kit.open({ namespace: "one" }), kit.open({ namespace: "two" })]);
      await one.saveToken({ id: "same-id", refreshToken: "same" });
      await two.saveToken({ id: "same-id", refreshToken: "same" });
      await one.deleteToken("same-id");
      assert.equal(await one.findToken({ refreshToken: "same" }), null);
      assert.equal((await two.findToken({ refreshToken: "same" }))?.id, "same-id");
    },
  },
  {
    paragraph: "5.3",
    name: "no namespace and an empty one are the same",
    needs: ["namespaces", "durable"],
    async run(kit) {
      await (await kit.open()).saveToken({ refreshToken: "nameless" });
      assert.notEqual(
        await (await kit.open({ namespace: "" })).findToken({ refreshToken: "nameless" }),
        null,
      );
    },
  },
  {
    paragraph: "5.3",
    name: "a namespace is the same one in every process, and no other",
    needs: ["namespaces", "shared"],
    async run(kit) {
      const [same, other] = await Promise.all([
        startChild(kit, { namespace: "team:1" }),
        startChild(kit, { namespace: "team:*" }),
      ]);
      const store = await kit.open({ namespace: "team:1" });
      await store.saveToken({ refreshToken: "of-team-1" });
      assert.equal((await same.run("findToken", { query: { refreshToken: "of-team-1" } }))?.revision, 1);
      assert.equal(await other.run("findToken", { query: { refreshToken: "of-team-1" } }), null);
      await other.run("deleteTokens", {});
      assert.equal((await store.getTokens()).length, 1);
    },
  },
];
