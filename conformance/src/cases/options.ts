import type { Case } from "../case.js";
import { check, expectRejection, expectToken } from "../expect.js";

/** Names that people mistake for an option. */
const UNKNOWN = [
  { ifrevision: 1 },
  { revision: 1 },
  { timeout: 5 },
  { ifRevision: 1, if_revision: 1 },
] as object[];

export const options: Case[] = [
  {
    checks: ["9.2a", "7.2b"],
    name: "an unknown option of saveToken is ERR_INVALID_OPTIONS, and nothing is saved",
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      for (const unknown of UNKNOWN) {
        await expectRejection(
          () => store.saveToken({ id: "one", scope: "s" }, unknown),
          "ERR_INVALID_OPTIONS",
        );
      }
      expectToken(await store.findTokenById("one"), { id: "one", refreshToken: "r", revision: 1 });
    },
  },
  {
    checks: ["9.2a", "7.2b"],
    name: "an unknown option of deleteToken is ERR_INVALID_OPTIONS, and nothing is deleted",
    async run({ store }) {
      await store.saveToken({ id: "one", refreshToken: "r" });
      for (const unknown of UNKNOWN) {
        await expectRejection(() => store.deleteToken("one", unknown), "ERR_INVALID_OPTIONS");
      }
      expectToken(await store.findTokenById("one"), { id: "one", refreshToken: "r", revision: 1 });
    },
  },
  {
    checks: ["9.2a", "7.2b"],
    name: "an unknown option of withLock is ERR_INVALID_OPTIONS, and work does not run",
    needs: ["locks"],
    async run({ store }) {
      let hasRun = false;
      const work = (): void => {
        hasRun = true;
      };
      for (const unknown of [
        { timeout: 5 },
        { timeoutMS: 5 },
        { leaseMs: 5 },
        { timeoutMs: 5, ifRevision: 1 },
      ]) {
        await expectRejection(() => store.withLock("key", work, unknown as object), "ERR_INVALID_OPTIONS");
      }
      check(!hasRun, "work that does not run", "it ran");
    },
  },
];
