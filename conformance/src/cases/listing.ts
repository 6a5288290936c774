import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStore } from "@tokenkeep/core";
import type { Case, Kit } from "../case.js";
import { check, expectIds, expectNull, expectToken, plain, same } from "../expect.js";
import { whole } from "../samples.js";

/** Saves records with these ids, each in its own millisecond. */
async function fill(store: TokenStore, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await store.saveToken({ id, refreshToken: `refresh-${id}` });
    await sleep(3);
  }
}

async function idsOf(store: TokenStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const token of store.tokens()) ids.push(plain(token).id ?? "");
  return ids;
}

const MANY = 600;
async function fillMany({ store, startOver, note }: Kit): Promise<string[]> {
  const ids = Array.from({ length: MANY }, (_, index) => `many-${(index * 7919) % MANY}`);
  for (let start = 0; start < MANY; start += 20) {
    await Promise.all(
      ids.slice(start, start + 20).map((id) => store.saveToken({ id, refreshToken: `refresh-${id}` })),
    );
  }
  startOver();
  note(`(${MANY} records are saved, such as { id: "many-1", refreshToken: "refresh-many-1" })`)("");
  return ids;
}

// Sorted neither by name nor by number.
const ORDER = ["m", "10", "9", "z", "a", "B"];

export const listing: Case[] = [
  {
    checks: ["2.9a"],
    name: "findTokenById returns the record with that id, or null",
    async run({ store }) {
      await store.saveToken({ ...whole("one"), id: "one" });
      expectToken(await store.findTokenById("one"), { ...whole("one"), id: "one" });
      for (const id of ["on", "one1", "two", "1", "0"]) expectNull(await store.findTokenById(id));
    },
  },
  {
    checks: ["2.9b"],
    name: "getTokens of an empty store is an empty array",
    async run({ store }) {
      same(await store.getTokens(), [], "getTokens()");
    },
  },
  {
    checks: ["2.9b", "2.9c"],
    name: "getTokens returns every record whole, oldest first",
    async run({ store }) {
      await fill(store, ORDER);
      const tokens = await store.getTokens();
      expectIds(tokens, ORDER);
      for (const token of tokens) {
        const { id } = plain(token);
        expectToken(token, { id, refreshToken: `refresh-${id}`, revision: 1 });
      }
    },
  },
  {
    checks: ["2.9c"],
    name: "an update does not move a record; one that is deleted and saved again comes last",
    async run({ store }) {
      await fill(store, ["first", "second", "third"]);
      await store.saveToken({ id: "first", accessToken: "new" });
      expectIds(await store.getTokens(), ["first", "second", "third"]);
      await store.deleteToken("first");
      await fill(store, ["first"]);
      expectIds(await store.getTokens(), ["second", "third", "first"]);
    },
  },
  {
    checks: ["2.9b"],
    name: "getTokens returns each of many records once",
    async run(kit) {
      const { store } = kit;
      const ids = await fillMany(kit);
      const got = (await store.getTokens()).map((token) => plain(token).id).sort();
      same(got, [...ids].sort(), "the ids");
    },
  },
  {
    checks: ["2.9d"],
    name: "tokens() returns what getTokens returns, in the same order",
    needs: ["iteration"],
    async run({ store }) {
      same(await idsOf(store), [], "the ids of an empty store");
      await fill(store, ORDER);
      await store.saveToken({ id: ORDER[0], accessToken: "updated" });
      same(await idsOf(store), ORDER, "the ids");
    },
  },
  {
    checks: ["2.9d"],
    name: "tokens() returns each of many records once, also if they were saved in the same millisecond",
    needs: ["iteration"],
    async run(kit) {
      const { store } = kit;
      await fillMany(kit);
      const expected = (await store.getTokens()).map((token) => plain(token).id);
      same(await idsOf(store), expected, "the ids, as getTokens() orders them");
    },
  },
  {
    checks: ["2.9e"],
    name: "tokens() neither misses nor repeats a record that stays, while others are saved, updated and deleted",
    needs: ["iteration"],
    async run(kit) {
      const { store } = kit;
      const ids = await fillMany(kit);
      const deleted = new Set(ids.filter((_, index) => index % 5 === 0));
      const doomed = [...deleted];
      const seen: string[] = [];
      let step = 0;
      for await (const token of store.tokens()) {
        const { id } = plain(token);
        seen.push(id ?? "");
        step++;
        if (step % 4 !== 0) continue;
        const gone = doomed.pop();
        if (gone !== undefined) await store.deleteToken(gone);
        // A deleted one may have been read ahead, and must not be saved again.
        if (!deleted.has(id ?? "")) await store.saveToken({ id, accessToken: `updated-${id}` });
        await store.saveToken({ id: `new-${step}`, refreshToken: `refresh-new-${step}` });
        if (step > 3 * MANY) break; // a store that returns its own new records forever
      }
      const stayed = ids.filter((id) => !deleted.has(id)).sort();
      const came = seen.filter((id) => stayed.includes(id)).sort();
      same(came, stayed, "the returned ids, of the records that existed all the time,");
    },
  },
  {
    checks: ["2.9f"],
    name: "tokens() can be left early, started again, and run twice at the same time",
    needs: ["iteration"],
    async run({ store }) {
      await fill(store, ORDER);
      for await (const token of store.tokens()) {
        same(plain(token).id, ORDER[0], "the first id");
        break;
      }
      const [one, other] = await Promise.all([idsOf(store), idsOf(store)]);
      same([one, other], [ORDER, ORDER], "the ids of both");
      check((await store.getTokens()).length === ORDER.length, "a store that keeps working", "fewer records");
    },
  },
];
