import type { TokenInput } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectToken } from "../expect.js";
import { whole } from "../samples.js";

const user = (name: string): { userSignature: { name: string } } => ({ userSignature: { name } });

/** What is good for one token only, and has to be given with it. */
const DEPENDENT: Readonly<Record<string, TokenInput>> = {
  accessToken: { expiresAt: 5 },
  refreshToken: { refreshTokenExpiresAt: 6, refreshState: { six: 6 } },
};

/** What can't be given as "". */
const NO_OBJECTS: TokenInput = {
  userSignature: null,
  expiresAt: null,
  refreshTokenExpiresAt: null,
  refreshState: null,
  metadata: null,
};

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
    name: "the same access token, or none, keeps expiresAt; a given one replaces it, including 0",
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
    checks: ["3.2f"],
    name: "a different refresh token without refreshTokenExpiresAt or refreshState leaves that one null",
    async run({ store }) {
      const belongs = { refreshTokenExpiresAt: 1_924_992_000_000, refreshState: { failures: 1 } };
      for (const given of [{}, { refreshTokenExpiresAt: 7 }, { refreshState: {} }]) {
        const id = `with-${Object.keys(given)[0]}`;
        await store.saveToken({ id, refreshToken: `old-${id}`, metadata: { kept: true }, ...belongs });
        await store.saveToken({ id, refreshToken: `new-${id}`, ...given });
        const expected = { id, refreshToken: `new-${id}`, metadata: { kept: true }, ...given };
        expectToken(await store.findTokenById(id), expected);
      }
    },
  },
  {
    checks: ["3.2f"],
    name: "the same refresh token, or none, keeps refreshTokenExpiresAt and refreshState",
    async run({ store }) {
      const stored = {
        id: "one",
        refreshToken: "r",
        refreshTokenExpiresAt: 1,
        refreshState: { failures: 1 },
      };
      await store.saveToken(stored);
      expectToken(await store.saveToken({ id: "one", refreshToken: "r" }), stored);
      expectToken(await store.saveToken({ id: "one", accessToken: "a" }), { ...stored, accessToken: "a" });
      expectToken(await store.saveToken({ id: "one", refreshState: { failures: 2 } }), {
        ...stored,
        accessToken: "a",
        refreshState: { failures: 2 },
      });
    },
  },
  {
    checks: ["3.2a"],
    name: "each property can be replaced alone, and the others stay",
    async run({ store }) {
      const id = "one";
      let stored: TokenInput = { ...whole("old"), id };
      await store.saveToken(stored);
      for (const property of Object.keys(whole("new")) as (keyof ReturnType<typeof whole>)[]) {
        const change = { [property]: whole("new")[property], ...DEPENDENT[property] };
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
        await store.saveToken({ ...empty, ...NO_OBJECTS, id: "stays" });
      }
      expectToken(await store.findTokenById("stays"), { ...stored, revision: 4 });
    },
  },
  {
    checks: ["1.0c", "1.0b"],
    name: "a revision that a caller passes in has no effect",
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
