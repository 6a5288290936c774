import type { TokenStore } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectIds, expectNull, expectToken, plain, same } from "../expect.js";
import { startChild } from "../processes/index.js";

// All of them are different namespaces, however similar they look to a key pattern, a path or a collation.
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

async function revisionOf(store: TokenStore, id: string): Promise<number | null> {
  const found = await store.findTokenById(id);
  return found === null ? null : plain(found).revision;
}

export const namespaces: Case[] = [
  {
    checks: ["5.3a", "5.3b"],
    name: "no namespace sees what is in another, whatever the names contain",
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
        same(
          tokens.map((token) => plain(token).refreshToken).sort(),
          [`only-${index}`, "same-refresh"],
          `the refresh tokens in namespace ${name}`,
        );
        same(await revisionOf(store, "same-id"), 1, `the revision of the record in namespace ${name}`);
        const other = (index + 1) % stores.length;
        expectNull(await store.findToken({ refreshToken: `only-${other}` }));
      }
    },
  },
  {
    checks: ["5.3a", "4.2c"],
    name: "deleteTokens of one namespace leaves every other alone",
    needs: ["namespaces"],
    async run(kit) {
      const stores = await Promise.all(NAMES.map((namespace) => kit.open({ namespace })));
      for (const store of stores) await store.saveToken({ refreshToken: "kept" });
      for (const name of ["a", "*", "", "%", "a:"]) {
        const index = NAMES.indexOf(name);
        const cleared = stores[index]!;
        await cleared.deleteTokens();
        expectIds(await cleared.getTokens(), []);
        for (const [other, store] of stores.entries()) {
          if (other === index) continue;
          check(
            (await store.findToken({ refreshToken: "kept" })) !== null,
            `namespace ${JSON.stringify(NAMES[other]?.slice(0, 30))} as it was`,
            `none of its records, after deleteTokens() in namespace ${JSON.stringify(name)}`,
          );
        }
        await cleared.saveToken({ refreshToken: "kept" });
      }
    },
  },
  {
    checks: ["5.3a"],
    name: "a record deleted in one namespace stays in another",
    needs: ["namespaces"],
    async run(kit) {
      const [one, two] = await Promise.all([kit.open({ namespace: "one" }), kit.open({ namespace: "two" })]);
      await one.saveToken({ id: "same-id", refreshToken: "same" });
      await two.saveToken({ id: "same-id", refreshToken: "same" });
      await one.deleteToken("same-id");
      expectNull(await one.findToken({ refreshToken: "same" }));
      expectToken(await two.findToken({ refreshToken: "same" }), { id: "same-id", refreshToken: "same" });
    },
  },
  {
    checks: ["5.3c"],
    name: "no namespace and an empty one are the same",
    needs: ["namespaces", "durable"],
    async run(kit) {
      await (await kit.open()).saveToken({ refreshToken: "nameless" });
      const named = await kit.open({ namespace: "" });
      expectToken(await named.findToken({ refreshToken: "nameless" }), { refreshToken: "nameless" });
    },
  },
  {
    checks: ["5.3d"],
    name: "a namespace is the same in every process",
    needs: ["namespaces", "shared"],
    async run(kit) {
      const [alike, other] = await Promise.all([
        startChild(kit, { namespace: "team:1" }),
        startChild(kit, { namespace: "team:*" }),
      ]);
      const store = await kit.open({ namespace: "team:1" });
      await store.saveToken({ refreshToken: "of-team-1" });
      const query = { refreshToken: "of-team-1" };
      same((await alike.run("findToken", { query }))?.revision, 1, "the revision in the same namespace");
      same(await other.run("findToken", { query }), null, "what another namespace finds");
      await other.run("deleteTokens", {});
      same((await store.getTokens()).length, 1, "the number of records");
    },
  },
];
