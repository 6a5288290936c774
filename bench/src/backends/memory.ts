import { MemorySessionStorage } from "@shopify/shopify-app-session-storage-memory";
import { MemoryTokenStore } from "@tokenkeep/memory";
import Keyv from "keyv";
import { fill, keyvKey, sessionId, sessionOf } from "../peers.js";
import type { Bench, Subject } from "../subject.js";
import { queryOf, tokenOf } from "../tokens.js";

const durability = "none: gone with the process";

export const memoryBench: Bench = {
  backend: "Memory",
  targets: [],
  notes: [
    "There is no driver under this store: what it costs is what the rules cost that all our stores share.",
    "A save checks the token, looks for its match, makes a digest of each value that belongs to one record alone, and keeps five ways to find it. keyv turns the token into text and keeps it under one key; Shopify's storage is a bare `Map` that hands out the object it holds: no copy, no check, no second way to find it. So they are faster.",
  ],
  start: async (sizes) => {
    const subjects: Subject[] = [];
    const stores: MemoryTokenStore[] = [];
    for (const size of sizes) {
      const store = new MemoryTokenStore();
      const keyv = new Keyv();
      const shopify = new MemorySessionStorage();
      stores.push(store);
      subjects.push(
        {
          name: "@tokenkeep/memory",
          kind: "ours",
          size,
          durability,
          find: (i) => store.findToken(queryOf(i)),
          save: (i, version) => store.saveToken(tokenOf(i, version)),
        },
        {
          name: "keyv",
          kind: "peer",
          size,
          durability,
          find: (i) => keyv.get(keyvKey(i)),
          save: (i, version) => keyv.set(keyvKey(i), tokenOf(i, version)),
        },
        {
          name: "Shopify's session storage",
          kind: "peer",
          size,
          durability,
          find: (i) => shopify.loadSession(sessionId(i)),
          save: (i, version) => shopify.storeSession(sessionOf(i, version)),
        },
      );
      for (const subject of subjects.slice(-3)) await fill(size, (i) => subject.save(i, 0));
    }
    const stop = async () => {
      for (const store of stores) await store.close();
    };
    return { subjects, stop };
  },
};
