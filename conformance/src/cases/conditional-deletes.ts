import type { TokenStore } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectError, expectIds, expectNull, expectRejection, expectToken, plain } from "../expect.js";
import { whole } from "../samples.js";

const ROUNDS = 20;

export const conditionalDeletes: Case[] = [
  {
    checks: ["4.3a"],
    name: "deleteToken with ifRevision removes the record at that revision, and at no other",
    needs: ["revisions"],
    async run({ store }) {
      const stored = { ...whole("one"), id: "one" };
      await store.saveToken(stored);
      await store.saveToken({ id: "one", scope: "s" });
      for (const ifRevision of [0, 1, 3]) {
        await expectRejection(() => store.deleteToken("one", { ifRevision }), "ERR_CONFLICT", { id: "one" });
      }
      expectToken(await store.findToken(whole("one")), { ...stored, scope: "s", revision: 2 });
      await store.deleteToken("one", { ifRevision: 2 });
      expectNull(await store.findToken(whole("one")));
      expectIds(await store.getTokens(), []);
    },
  },
  {
    checks: ["4.3a", "4.1b"],
    name: "deleteToken of a missing record with ifRevision is not an error",
    needs: ["revisions"],
    async run({ store }) {
      for (const ifRevision of [0, 1, 5]) await store.deleteToken("missing", { ifRevision });
      expectIds(await store.getTokens(), []);
    },
  },
  {
    checks: ["4.3a", "7.2b"],
    name: "an ifRevision of deleteToken that is not an integer of 0 or more is ERR_INVALID_OPTIONS",
    needs: ["revisions"],
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      for (const ifRevision of [-1, 1.5, Number.NaN, "1", {}]) {
        const options = { ifRevision } as { ifRevision: number };
        await expectRejection(() => store.deleteToken("one", options), "ERR_INVALID_OPTIONS");
      }
      expectToken(await store.findTokenById("one"), { id: "one", refreshToken: "r", revision: 1 });
    },
  },
  {
    checks: ["4.3a"],
    name: "a conditional delete never removes a record that a concurrent save has changed",
    needs: ["revisions"],
    run: ({ store }) => deleteWhileSaving(store, store),
  },
  {
    checks: ["4.3a"],
    name: "a conditional delete never removes a record that a concurrent save of another store has changed",
    needs: ["revisions", "shared"],
    run: async ({ store, open }) => deleteWhileSaving(store, await open()),
  },
];

async function deleteWhileSaving(saver: TokenStore, deleter: TokenStore): Promise<void> {
  await deleter.getTokens();
  for (let round = 0; round < ROUNDS; round++) {
    const id = `${round}`;
    await saver.saveToken({ id, refreshToken: `r-${round}` });
    const save = () => saver.saveToken({ id, refreshToken: `r-${round}`, accessToken: `a-${round}` });
    const remove = () =>
      deleter.deleteToken(id, { ifRevision: 1 }).then(
        () => undefined,
        (error: unknown) => expectError(error, "ERR_CONFLICT"),
      );
    const [saved] = round % 2 === 0 ? await Promise.all([save(), remove()]) : await reversed(save, remove);
    // Either the delete came first, and the save inserted; or the save came first, and the delete was refused.
    const found = await saver.findTokenById(id);
    const revision = plain(saved).revision;
    check(
      found !== null,
      `the record that was saved at revision ${revision}`,
      "null: a conditional delete removed it",
    );
  }
}

async function reversed<A, B>(one: () => Promise<A>, other: () => Promise<B>): Promise<[A, B]> {
  const second = other();
  return Promise.all([one(), second]);
}
