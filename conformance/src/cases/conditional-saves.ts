import type { Case } from "../case.js";
import { expectRejection, expectToken, plain, same } from "../expect.js";
import { TOKEN_KINDS, whole } from "../samples.js";

export const conditionalSaves: Case[] = [
  {
    checks: ["3.6a", "3.6b", "3.6f"],
    name: "ifRevision saves at that revision, and at no other",
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
    name: "ifRevision for a missing record is a conflict, and inserts nothing",
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
    checks: ["3.6a", "3.6b", "3.6f"],
    name: "ifRevision applies whichever lookup finds the record",
    needs: ["revisions"],
    async run({ store }) {
      const stored = { ...whole("one"), id: "one" };
      await store.saveToken(stored);
      let revision = 1;
      for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
        const given = { [property]: stored[property], apiDomain: property };
        const ifRevision = revision + 1;
        await expectRejection(() => store.saveToken(given, { ifRevision }), "ERR_CONFLICT", { id: "one" });
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
    name: "of many concurrent saves at one revision, exactly one succeeds",
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
    name: "an ifRevision that is not an integer of 0 or more is ERR_INVALID_OPTIONS",
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
