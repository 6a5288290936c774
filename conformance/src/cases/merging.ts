import type { Case } from "../case.js";
import { expectToken } from "../expect.js";
import { whole } from "../samples.js";

const user = (name: string): { userSignature: { name: string } } => ({ userSignature: { name } });

export const merging: Case[] = [
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
