import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Case } from "../case.js";
import { expectIds, expectNull, expectToken, plain, same } from "../expect.js";
import { HOSTILE, TOKEN_KINDS, whole } from "../samples.js";
import { show } from "../show.js";

export const deleting: Case[] = [
  {
    checks: ["4.1a"],
    name: "deleteToken removes that record alone",
    async run({ store }) {
      for (const id of ["1", "11", "111"]) await store.saveToken({ ...whole(id), id });
      same(await store.deleteToken("11"), undefined, "what deleteToken resolves with");
      expectNull(await store.findTokenById("11"));
      for (const id of ["1", "111"]) expectToken(await store.findToken({ id }), { ...whole(id), id });
      same((await store.getTokens()).length, 2, "the number of records");
    },
  },
  {
    checks: ["4.1b"],
    name: "deleting a missing id is not an error, in an empty store and twice",
    async run({ store }) {
      await store.deleteToken("missing");
      await store.saveToken({ id: "there", refreshToken: "r" });
      await store.deleteToken("missing");
      await store.deleteToken("there");
      await store.deleteToken("there");
      expectIds(await store.getTokens(), []);
    },
  },
  {
    checks: ["4.1c"],
    name: "after deleteToken none of the record's values finds anything",
    async run({ store }) {
      const given = { ...whole("gone"), id: "gone" };
      await store.saveToken(given);
      await store.deleteToken("gone");
      for (const property of ["id", "userSignature", ...TOKEN_KINDS] as const) {
        expectNull(await store.findToken({ [property]: given[property] }));
      }
    },
  },
  {
    checks: ["4.1d"],
    name: "the values and the id of a deleted record can be saved again, at revision 1, with nothing left over",
    async run({ store }) {
      await store.saveToken({ ...whole("again"), id: "again" });
      await store.deleteToken("again");
      const { grantToken, userSignature } = whole("again");
      const again = { id: "again", grantToken, userSignature };
      expectToken(await store.saveToken(again), { ...again, revision: 1 });
      await store.deleteToken("again");
      await store.saveToken({ ...whole("again"), id: "another-id" });
      expectToken(await store.findToken(whole("again")), {
        ...whole("again"),
        id: "another-id",
        revision: 1,
      });
    },
  },
  {
    checks: ["4.1e"],
    name: "values that an update replaced find nothing, and can be saved in another record",
    async run({ store }) {
      await store.saveToken({ id: "one", ...whole("old") });
      await store.saveToken({ id: "one", ...whole("new") });
      for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
        expectNull(await store.findToken({ [property]: whole("old")[property] }));
      }
      expectToken(await store.saveToken({ id: "two", ...whole("old") }), {
        id: "two",
        ...whole("old"),
        revision: 1,
      });
      expectToken(await store.findToken({ id: "one" }), { id: "one", ...whole("new"), revision: 2 });
    },
  },
  {
    checks: ["4.1a"],
    name: "deleting an id of hostile text deletes nothing else",
    async run({ store }) {
      await store.saveToken({ id: "bystander", refreshToken: "bystander" });
      for (const [, id] of HOSTILE) {
        await store.deleteToken(id);
        await store.saveToken({ id, refreshToken: id });
        await store.deleteToken(id);
      }
      expectIds(await store.getTokens(), ["bystander"]);
    },
  },
  {
    checks: ["4.1b", "4.1a"],
    name: "deleting records many times concurrently is not an error",
    async run({ store }) {
      for (let index = 0; index < 10; index++) {
        await store.saveToken({ id: `${index}`, refreshToken: `r-${index}` });
      }
      await Promise.all(Array.from({ length: 30 }, (_, index) => store.deleteToken(`${index % 5}`)));
      expectIds(
        await store.getTokens().then((tokens) => [...tokens].sort((a, b) => (a.id! < b.id! ? -1 : 1))),
        ["5", "6", "7", "8", "9"],
      );
    },
  },
  {
    checks: ["4.1c", "4.1d"],
    name: "a concurrent save and delete of one record leave it whole, or nothing of it",
    async run({ store }) {
      for (let round = 0; round < 20; round++) {
        const given = { ...whole(`${round}`), id: `${round}` };
        await store.saveToken(given);
        const save = () => store.saveToken({ ...given, expiresAt: round });
        const remove = () => store.deleteToken(given.id);
        await Promise.all((round % 2 === 0 ? [save, remove] : [remove, save]).map((call) => call()));
        const left = await store.findTokenById(`${round}`);
        for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
          const found = await store.findToken({ [property]: given[property] });
          if (left === null) expectNull(found);
          else expectToken(found, plain(left));
        }
        const { revision } = plain(await store.saveToken(given));
        same(
          revision,
          left === null ? 1 : (plain(left).revision ?? 0) + 1,
          "the revision of a save after that",
        );
      }
    },
  },
  {
    checks: ["4.2a"],
    name: "deleteTokens removes every record and its index entries",
    async run({ store }) {
      for (let index = 0; index < 25; index++)
        await store.saveToken({ ...whole(`${index}`), id: `${index}` });
      same(await store.deleteTokens(), undefined, "what deleteTokens resolves with");
      expectIds(await store.getTokens(), []);
      for (const index of ["0", "24"]) {
        for (const property of ["userSignature", ...TOKEN_KINDS] as const) {
          expectNull(await store.findToken({ [property]: whole(index)[property] }));
        }
        expectNull(await store.findTokenById(index));
      }
      expectToken(await store.saveToken({ ...whole("24"), id: "again-24" }), {
        ...whole("24"),
        id: "again-24",
        revision: 1,
      });
    },
  },
  {
    checks: ["4.2a"],
    name: "deleteTokens of an empty store is not an error, and neither is a second one",
    async run({ store }) {
      await store.deleteTokens();
      await store.deleteTokens();
      expectIds(await store.getTokens(), []);
    },
  },
  {
    checks: ["4.2d"],
    name: "deleteTokens leaves other files in the directory alone",
    needs: ["durable"],
    async run({ store, space }) {
      const nextTo = join(space.directory, "not-the-stores.txt");
      const below = join(space.directory, "not-the-stores");
      await writeFile(nextTo, "kept");
      await mkdir(below);
      await writeFile(join(below, "kept.json"), "kept");
      await store.saveToken({ refreshToken: "r" });
      await store.deleteTokens();
      expectIds(await store.getTokens(), []);
      for (const path of [nextTo, join(below, "kept.json")]) {
        const came = await readFile(path, "utf8").catch((error: unknown) => show(error));
        same(came, "kept", `the content of ${path}`);
      }
    },
  },
  {
    checks: ["4.2c"],
    name: "deleteTokens leaves other namespaces alone",
    needs: ["namespaces"],
    async run({ store, open }) {
      const names = ["n", "n*", "n:", "n%", "N", "*", "n:n"];
      const neighbours = await Promise.all(names.map((namespace) => open({ namespace })));
      for (const neighbour of neighbours) await neighbour.saveToken({ id: "same", refreshToken: "same" });
      await store.saveToken({ id: "same", refreshToken: "same" });
      await store.deleteTokens();
      expectIds(await store.getTokens(), []);
      for (const neighbour of neighbours) expectIds(await neighbour.getTokens(), ["same"]);
      for (const [index, neighbour] of neighbours.entries()) {
        await neighbour.deleteTokens();
        for (const left of neighbours.slice(index + 1)) expectIds(await left.getTokens(), ["same"]);
      }
    },
  },
];
