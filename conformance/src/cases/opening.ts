import { readdir } from "node:fs/promises";
import type { TokenStoreError } from "@tokenkeep/core";
import type { Case } from "../case.js";
import { expectError, expectNull, expectToken, plain, same } from "../expect.js";
import { whole } from "../samples.js";

export const opening: Case[] = [
  {
    checks: ["5.2e"],
    name: 'open: "existing" reads what is there',
    needs: ["durable"],
    async run({ store, open }) {
      const token = await store.saveToken({ ...whole("there"), id: "there" });
      const existing = await open({ open: "existing" });
      same((await existing.getTokens()).map(plain), [plain(token)], "the records");
      expectToken(await existing.findToken(whole("there")), { ...whole("there"), id: "there" });
      expectNull(await existing.findTokenById("missing"));
    },
  },
  {
    checks: ["5.2e"],
    name: 'open: "existing" creates nothing: reads find nothing or are ERR_SCHEMA',
    needs: ["durable"],
    async run({ open, space }) {
      const before = await readdir(space.directory);
      const existing = await open({ open: "existing" });
      for (const read of [() => existing.findTokenById("missing"), () => existing.getTokens()]) {
        try {
          same(JSON.stringify((await read()) ?? []), "[]", "what is found");
        } catch (error) {
          const { code } = error as TokenStoreError;
          if (code === undefined) throw error;
          expectError(error, "ERR_SCHEMA");
        }
      }
      await existing.close();
      same(await readdir(space.directory), before, "the files in the directory of the space");
      const store = await open();
      expectToken(await store.saveToken({ id: "one", refreshToken: "r" }), { id: "one", refreshToken: "r" });
    },
  },
];
