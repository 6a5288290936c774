import { setImmediate as nextTurn } from "node:timers/promises";
import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { check, expectNull, expectToken, plain, same } from "../expect.js";
import { inStep, type SaveOutcome, startChild, startChildren } from "../processes/index.js";

const PROCESSES = 4;
/** Races are slow on some backends, and these cases are not about time limits. */
const PATIENT = { timeoutMs: 60_000 };
const SAVES = 12;
/** How many times a reader reads while a writer writes. */
const READS = 200;

function codes(outcomes: readonly SaveOutcome[]): (string | null)[] {
  return outcomes.map(({ code }) => code);
}

/** Fails unless every save succeeded. */
function allSaved(outcomes: readonly SaveOutcome[]): void {
  const failed = codes(outcomes).filter((code) => code !== null);
  check(failed.length === 0, "saves that all succeed", `${failed.length} that failed: ${failed.join(", ")}`);
}

export const sharing: Case[] = [
  {
    checks: ["5.2a"],
    name: "eight processes that open a new store at the same moment all work, on the same records",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, 8, PATIENT);
      const saved = await inStep(children, "save", (index) => ({
        tokens: [{ id: `first-${index}`, refreshToken: `first-${index}` }],
      }));
      allSaved(saved.flat());
      const ids = (await kit.store.getTokens()).map((token) => plain(token).id).sort();
      same(
        ids,
        children.map((_, index) => `first-${index}`),
        "the ids",
      );
    },
  },
  {
    checks: ["5.2b"],
    name: "opening a store again leaves the records as they are",
    needs: ["durable"],
    async run(kit) {
      const first = await kit.open();
      const before = await first.saveToken({ userSignature: { name: "u" }, refreshToken: "r" });
      for (let time = 0; time < 3; time++) {
        const again = await kit.open();
        same((await again.getTokens()).map(plain), [plain(before)], "the records");
        await again.close();
      }
    },
  },
  {
    checks: ["3.5d", "3.5a", "3.5b"],
    name: "concurrent saves of one token from many processes all succeed, and are counted in one record",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, PROCESSES, PATIENT);
      const saved = await inStep(children, "save", (index) => ({
        tokens: Array.from({ length: SAVES }, (_, time) => ({
          userSignature: { name: "everyone" },
          accessToken: `access-${index}-${time}`,
          expiresAt: 1000 * index + time,
        })),
      }));
      const outcomes = saved.flat();
      allSaved(outcomes);
      const revisions = outcomes.map(({ revision }) => revision).sort((a, b) => Number(a) - Number(b));
      same(
        revisions,
        Array.from({ length: PROCESSES * SAVES }, (_, index) => index + 1),
        "the revisions that the saves resolved with",
      );
      const tokens = await kit.store.getTokens();
      same(tokens.length, 1, "the number of records");
      same(plain(tokens[0]).revision, PROCESSES * SAVES, "the revision");
    },
  },
  {
    checks: ["3.4e", "3.4b", "3.5d"],
    name: "concurrent first saves of one user from many processes make one record",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, PROCESSES, PATIENT);
      for (let round = 0; round < 8; round++) {
        const saved = await inStep(children, "save", (index) => ({
          tokens: [{ userSignature: { name: `new-${round}` }, refreshToken: `refresh-${round}-${index}` }],
        }));
        const outcomes = saved.flat();
        allSaved(outcomes);
        same(new Set(outcomes.map(({ id }) => id)).size, 1, "the number of ids that the saves resolved with");
      }
      same((await kit.store.getTokens()).length, 8, "the number of records");
    },
  },
  {
    checks: ["3.4e", "3.4a"],
    name: "of many processes that save one refresh token for different users, one succeeds and the others get ERR_CONFLICT",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, PROCESSES, PATIENT);
      for (let round = 0; round < 8; round++) {
        const saved = await inStep(children, "save", (index) => ({
          tokens: [{ userSignature: { name: `user-${round}-${index}` }, refreshToken: `prize-${round}` }],
        }));
        const conflicts = Array.from({ length: PROCESSES - 1 }, () => "ERR_CONFLICT");
        same(codes(saved.flat()).sort(), [...conflicts, null].sort(), "the codes, with null for success,");
      }
      same((await kit.store.getTokens()).length, 8, "the number of records");
    },
  },
  {
    checks: ["3.3d"],
    name: "ids that many processes make concurrently never collide",
    needs: ["shared"],
    async run(kit) {
      const children = await startChildren(kit, PROCESSES, PATIENT);
      const saved = await inStep(children, "save", (index) => ({
        atOnce: true,
        tokens: Array.from({ length: 25 }, (_, time) => ({ refreshToken: `own-${index}-${time}` })),
      }));
      const outcomes = saved.flat();
      allSaved(outcomes);
      same(new Set(outcomes.map(({ id }) => id)).size, outcomes.length, "the number of ids");
      same((await kit.store.getTokens()).length, outcomes.length, "the number of records");
    },
  },
  {
    checks: ["3.5d", "3.5c"],
    name: "no reader in another process ever sees half a record",
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
      const writer = await startChild(kit, PATIENT);
      const writing = writer.begin("alternate", { versions });
      // Until the record was seen in both versions: the writer may take its time.
      const seen = new Set<unknown>();
      for (let reads = 0; reads < READS || seen.size < versions.length; reads++) {
        await nextTurn();
        const token = await kit.store.findToken({ userSignature: { name: "torn" } });
        check(token !== null, "the record, which exists all the time", "null");
        const { accessToken } = plain(token);
        seen.add(accessToken);
        const version = versions.find((candidate) => candidate.accessToken === accessToken);
        expectToken(token, version ?? versions[0]!);
      }
      check((await writing.stop()).saves > 0, "saves meanwhile", "none");
    },
  },
  {
    checks: ["4.2b"],
    name: "deleteTokens is atomic for a reader in another process",
    needs: ["shared"],
    async run(kit) {
      const RECORDS = 40;
      for (let index = 0; index < RECORDS; index++) await kit.store.saveToken({ refreshToken: `r-${index}` });
      const child = await startChild(kit, PATIENT);
      const deleting = child.begin("deleteTokens", {});
      const seen = new Set<number>();
      let isDone = false;
      void deleting.result.finally(() => {
        isDone = true;
      });
      while (!isDone) {
        seen.add((await kit.store.getTokens()).length);
        await nextTurn(); // otherwise a store that answers synchronously would never let the child's message in
      }
      await deleting.result;
      seen.add((await kit.store.getTokens()).length);
      seen.delete(RECORDS);
      const between = [...seen].filter((count) => count !== 0);
      check(
        between.length === 0,
        `a reader that sees all ${RECORDS} records or none`,
        `${between.join(", ")} of them`,
      );
    },
  },
  {
    checks: ["5.5d", "3.1e"],
    name: "another process sees at once what one has saved or deleted",
    needs: ["shared"],
    async run(kit) {
      const child = await startChild(kit, PATIENT);
      for (let time = 1; time <= 10; time++) {
        const saved = await kit.store.saveToken({
          userSignature: { name: "seen" },
          refreshToken: `v${time}`,
        });
        const found = await child.run("findToken", { query: { userSignature: { name: "seen" } } });
        same(found, plain(saved), "what the other process finds");
        const [outcome] = await child.run("save", {
          tokens: [{ userSignature: { name: "seen" }, accessToken: `a${time}` }],
        });
        const mine = await kit.store.findToken({ userSignature: { name: "seen" } });
        const { savedAt: _before, ...others } = plain(saved);
        expectToken(mine, {
          ...others,
          accessToken: `a${time}`,
          expiresAt: null,
          revision: outcome?.revision,
        });
      }
      const id = (await kit.store.getTokens())[0]?.id ?? "";
      await child.run("deleteToken", { id });
      expectNull(await kit.store.findTokenById(id));
      expectNull(await kit.store.findToken({ userSignature: { name: "seen" } }));
    },
  },
];
