import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { inStep, type SaveOutcome, startChild, startChildren } from "../processes/index.js";

const PROCESSES = 4;
const SAVES = 12;
/** How many times a reader looks while a writer writes. */
const LOOKS = 200;

function codes(outcomes: readonly SaveOutcome[]): (string | null)[] {
  return outcomes.map(({ code }) => code);
}

export const sharing: Case[] = [
  {
    paragraph: "5.2",
    name: "eight processes that open a new space at the same moment all work, on the same records",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, 8);
      const saved = await inStep(children, "save", (index) => ({
        tokens: [{ id: `first-${index}`, refreshToken: `first-${index}` }],
      }));
      assert.deepEqual(
        codes(saved.flat()),
        saved.map(() => null),
      );
      const ids = (await kit.store.getTokens()).map((token) => token.id).sort();
      assert.deepEqual(
        ids,
        children.map((_, index) => `first-${index}`),
      );
    },
  },
  {
    paragraph: "5.2",
    name: "opening again leaves what is stored as it is",
    needs: ["durable"],
    async run(kit) {
      const first = await kit.open();
      const before = await first.saveToken({ userSignature: { name: "u" }, refreshToken: "r" });
      for (let time = 0; time < 3; time++) {
        const again = await kit.open();
        assert.deepEqual(
          (await again.getTokens()).map((token) => token.toPlain()),
          [before.toPlain()],
        );
        await again.close();
      }
    },
  },
  {
    paragraph: "3.5",
    name: "saves of one token from many processes all succeed, one record, each counted",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, PROCESSES);
      const saved = await inStep(children, "save", (index) => ({
        tokens: Array.from({ length: SAVES }, (_, time) => ({
          userSignature: { name: "everyone" },
          accessToken: `access-${index}-${time}`,
          expiresAt: 1000 * index + time,
        })),
      }));
      const outcomes = saved.flat();
      assert.deepEqual(
        outcomes.filter(({ code }) => code !== null),
        [],
        "no save of one token may fail",
      );
      const revisions = outcomes.map(({ revision }) => revision).sort((a, b) => Number(a) - Number(b));
      assert.deepEqual(
        revisions,
        Array.from({ length: PROCESSES * SAVES }, (_, index) => index + 1),
        "each save must have a revision of its own",
      );
      const tokens = await kit.store.getTokens();
      assert.equal(tokens.length, 1);
      assert.equal(tokens[0]?.revision, PROCESSES * SAVES);
    },
  },
  {
    paragraph: "3.4",
    name: "first saves of one user from many processes at once make one record",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, PROCESSES);
      for (let round = 0; round < 8; round++) {
        const saved = await inStep(children, "save", (index) => ({
          tokens: [{ userSignature: { name: `new-${round}` }, refreshToken: `refresh-${round}-${index}` }],
        }));
        const outcomes = saved.flat();
        assert.deepEqual(
          codes(outcomes),
          outcomes.map(() => null),
        );
        assert.equal(new Set(outcomes.map(({ id }) => id)).size, 1, "all must have saved the same record");
      }
      assert.equal((await kit.store.getTokens()).length, 8);
    },
  },
  {
    paragraph: "3.4",
    name: "of many processes that save one refresh token for different users one wins, the others get ERR_CONFLICT",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, PROCESSES);
      for (let round = 0; round < 8; round++) {
        const saved = await inStep(children, "save", (index) => ({
          tokens: [{ userSignature: { name: `user-${round}-${index}` }, refreshToken: `prize-${round}` }],
        }));
        assert.deepEqual(
          codes(saved.flat()).sort(),
          [...Array.from({ length: PROCESSES - 1 }, () => "ERR_CONFLICT"), null].sort(),
        );
      }
      const tokens = await kit.store.getTokens();
      assert.equal(tokens.length, 8, "one record for each round");
    },
  },
  {
    paragraph: "3.3",
    name: "ids made by many processes at once never collide",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, PROCESSES);
      const saved = await inStep(children, "save", (index) => ({
        atOnce: true,
        tokens: Array.from({ length: 25 }, (_, time) => ({ refreshToken: `own-${index}-${time}` })),
      }));
      const outcomes = saved.flat();
      assert.deepEqual(
        outcomes.filter(({ code }) => code !== null),
        [],
      );
      assert.equal(new Set(outcomes.map(({ id }) => id)).size, outcomes.length);
      assert.equal((await kit.store.getTokens()).length, outcomes.length);
    },
  },
  {
    paragraph: "3.5",
    name: "no reader of another process ever sees half a record",
    needs: ["shared"],
    async run(kit) {
      const versions: TokenInput[] = ["one", "two"].map((version, index) => ({
        userSignature: { name: "torn" },
        clientSecret: `${version}-secret`,
        refreshToken: `${version}-refresh`,
        accessToken: `${version}-access-${version.repeat(2000)}`,
        expiresAt: index + 1,
        apiDomain: `https://${version}.example`,
      }));
      await kit.store.saveToken(versions[0]!);
      const writer = await startChild(kit);
      const writing = writer.begin("alternate", { versions });
      // at least so often, and until the record was seen in both versions: the writer may take its time
      const seen = new Set<unknown>();
      for (let look = 0; look < LOOKS || seen.size < versions.length; look++) {
        await nextTurn();
        const token = await kit.store.findToken({ userSignature: { name: "torn" } });
        seen.add(token?.accessToken);
        const version = versions.find((candidate) => candidate.accessToken === token?.accessToken);
        assert.notEqual(version, undefined, "the record must never be gone while it is saved anew");
        assert.deepEqual(
          {
            clientSecret: token?.clientSecret,
            refreshToken: token?.refreshToken,
            expiresAt: token?.expiresAt,
            apiDomain: token?.apiDomain,
          },
          {
            clientSecret: version?.clientSecret,
            refreshToken: version?.refreshToken,
            expiresAt: version?.expiresAt,
            apiDomain: version?.apiDomain,
          },
        );
      }
      assert.ok((await writing.stop()).saves > 0);
    },
  },
  {
    paragraph: "4.2",
    name: "deleteTokens is one step for a reader in another process",
    needs: ["shared"],
    async run(kit) {
      const RECORDS = 40;
      for (let index = 0; index < RECORDS; index++) await kit.store.saveToken({ refreshToken: `r-${index}` });
      const child = await startChild(kit);
      const deleting = child.begin("deleteTokens", {});
      const seen = new Set<number>();
      let isDone = false;
      void deleting.result.finally(() => {
        isDone = true;
      });
      while (!isDone) {
        seen.add((await kit.store.getTokens()).length);
        await nextTurn(); // a store that answers at once would never let the child's message in
      }
      await deleting.result;
      seen.add((await kit.store.getTokens()).length);
      seen.delete(RECORDS);
      assert.deepEqual([...seen], [0], "a reader must see all records or none");
    },
  },
  {
    paragraph: "5.5",
    name: "what one process has saved or deleted, another sees at once",
    needs: ["shared"],
    async run(kit) {
      const child = await startChild(kit);
      for (let time = 1; time <= 10; time++) {
        const saved = await kit.store.saveToken({
          userSignature: { name: "seen" },
          refreshToken: `v${time}`,
        });
        const found = await child.run("findToken", { query: { userSignature: { name: "seen" } } });
        assert.deepEqual(found, saved.toPlain());
        const [outcome] = await child.run("save", {
          tokens: [{ userSignature: { name: "seen" }, accessToken: `a${time}` }],
        });
        const mine = await kit.store.findToken({ userSignature: { name: "seen" } });
        assert.equal(mine?.revision, outcome?.revision);
        assert.equal(mine?.accessToken, `a${time}`);
      }
      const id = (await kit.store.getTokens())[0]?.id ?? "";
      await child.run("deleteToken", { id });
      assert.equal(await kit.store.findTokenById(id), null);
      assert.equal(await kit.store.findToken({ userSignature: { name: "seen" } }), null);
    },
  },
];
