import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectIds, expectNull, expectRejection, expectToken, plain, same } from "../expect.js";
import { TOKEN_KINDS, whole } from "../samples.js";

const STAMP = { revision: 7, createdAt: 1_600_000_000_123, savedAt: 1_700_000_000_456 } as const;

const importable = (tag: string): TokenInput & { id: string } => ({ ...whole(tag), id: tag, ...STAMP });

export const importing: Case[] = [
  {
    checks: ["3.8a"],
    name: "importToken keeps the id, the times and the revision, and every lookup finds the record",
    async run({ store }) {
      const token = importable("imported");
      same(await store.importToken(token), true, "what importToken resolves with");
      expectToken(await store.findTokenById("imported"), token);
      for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
        expectToken(await store.findToken({ [property]: token[property] }), token);
      }
    },
  },
  {
    checks: ["3.8a", "1.0b"],
    name: "an imported record can be saved, and goes on counting",
    async run({ store }) {
      const token = importable("imported");
      await store.importToken(token);
      const saved = await store.saveToken({ id: "imported", scope: "new" });
      const { createdAt, savedAt } = plain(saved);
      same(
        [createdAt, savedAt !== token.savedAt],
        [token.createdAt, true],
        "createdAt, and whether savedAt is new,",
      );
      const expected = { ...token, scope: "new", revision: STAMP.revision + 1, savedAt };
      expectToken(saved, expected);
      expectToken(await store.findTokenById("imported"), expected);
    },
  },
  {
    checks: ["1.0g"],
    name: "each save has a later savedAt, even if the record comes from a host whose clock is ahead",
    async run({ store }) {
      const savedAt = Date.now() + 3_600_000;
      await store.importToken({ ...importable("ahead"), savedAt });
      const times = [savedAt];
      for (let i = 0; i < 5; i++) {
        const saved = await store.saveToken({ id: "ahead", accessToken: `access-${i}` });
        times.push(plain(saved).savedAt as number);
      }
      same(
        times.slice(1).every((time, i) => time > times[i]!),
        true,
        `whether each of ${times.join(", ")} is later than the one before`,
      );
    },
  },
  {
    checks: ["3.8a"],
    name: "a token that one store returned can be imported into another",
    needs: ["namespaces"],
    async run({ store, open }) {
      const target = await open({ namespace: "target" });
      const token = await store.saveToken(whole("moved"));
      same(await target.importToken(token), true, "what importToken resolves with");
      same(plain(await target.findToken(whole("moved"))), plain(token), "the imported record");
      same(await target.importToken(token), false, "what a second importToken resolves with");
    },
  },
  {
    checks: ["3.8b"],
    name: "importToken replaces an older record as a whole",
    async run({ store }) {
      await store.importToken(importable("one"));
      const newer = { id: "one", refreshToken: "newer", ...STAMP, revision: 2, savedAt: STAMP.savedAt + 1 };
      same(await store.importToken(newer), true, "what importToken resolves with");
      expectToken(await store.findTokenById("one"), newer);
      for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
        expectNull(await store.findToken({ [property]: whole("one")[property] }));
      }
      same((await store.getTokens()).length, 1, "the number of records");
    },
  },
  {
    checks: ["3.8b"],
    name: "importToken does not replace a record that is as new or newer",
    async run({ store }) {
      const stored = importable("one");
      await store.importToken(stored);
      for (const savedAt of [STAMP.savedAt, STAMP.savedAt - 1, 0]) {
        const older = { id: "one", refreshToken: "older", ...STAMP, revision: 99, savedAt };
        same(await store.importToken(older), false, "what importToken resolves with");
      }
      expectToken(await store.findTokenById("one"), stored);
      expectNull(await store.findToken({ refreshToken: "older" }));
    },
  },
  {
    checks: ["3.8a", "2.9c", "2.5c"],
    name: "imported records are listed and preferred by their own times",
    async run({ store }) {
      const user = { userSignature: { name: "u" } };
      const at = (time: number): TokenInput => ({ revision: 1, createdAt: time, savedAt: time });
      await store.importToken({ id: "b", refreshToken: "rb", ...user, clientId: "b", ...at(2000) });
      await store.importToken({ id: "c", refreshToken: "rc", ...user, clientId: "c", ...at(3000) });
      await store.importToken({ id: "a", refreshToken: "ra", ...user, clientId: "a", ...at(1000) });
      expectIds(await store.getTokens(), ["a", "b", "c"]);
      same(plain(await store.findToken(user)).id, "c", "the id of the user's record that was saved last");
    },
  },
  {
    checks: ["3.8c"],
    name: "importToken of a value of another record is a conflict that names it, and changes nothing",
    async run({ store }) {
      await store.saveToken({ ...whole("owner"), id: "owner" });
      for (const property of TOKEN_KINDS) {
        const token = { id: "thief", refreshToken: "own", [property]: whole("owner")[property], ...STAMP };
        const expected = { property, id: "owner" };
        await expectRejection(() => store.importToken(token), "ERR_CONFLICT", expected);
      }
      const { userSignature, clientId } = whole("owner");
      const token = { id: "thief", refreshToken: "own", userSignature, clientId, ...STAMP };
      await expectRejection(() => store.importToken(token), "ERR_CONFLICT", {
        property: "user",
        id: "owner",
      });
      expectIds(await store.getTokens(), ["owner"]);
      expectToken(await store.findTokenById("owner"), { ...whole("owner"), id: "owner", revision: 1 });
    },
  },
  {
    checks: ["3.8d"],
    name: "importToken of a token without an id, its times or its revision is refused",
    async run({ store }) {
      for (const property of ["id", "createdAt", "savedAt", "revision"] as const) {
        for (const nothing of [null, undefined]) {
          const token = { ...importable("one"), [property]: nothing };
          await expectRejection(() => store.importToken(token), "ERR_INVALID_TOKEN");
        }
      }
      expectIds(await store.getTokens(), []);
    },
  },
];
