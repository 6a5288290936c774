import { MemorySessionStorage } from "@shopify/shopify-app-session-storage-memory";
import { MemoryTokenStore } from "@tokenkeep/memory";
import Keyv from "keyv";
import { keyvCandidate, shopifyCandidate } from "../alternatives.js";
import type { Bench, Candidate } from "../bench.js";
import { storeCandidate } from "../ours.js";

const durability = "none: gone with the process";

export const bench: Bench = {
  targets: [],
  notes: [
    "There is no driver under this store: it shows what the rules cost that all stores share.",
    "A save checks the token, finds its match, digests each value that is unique, and keeps five ways to find it. keyv turns the token into text and keeps it under one key. Shopify's storage is a `Map` that hands out the object it holds: no copy, no check, no second way to find it. That is why they are faster.",
  ],
  start: async (sizes) => {
    const candidates: Candidate[] = [];
    for (const size of sizes) {
      candidates.push(
        await storeCandidate({ name: "@tokenkeep/memory", size, durability }, new MemoryTokenStore()),
        await keyvCandidate({ name: "keyv", size, durability }, new Keyv()),
        await shopifyCandidate({ size, durability }, new MemorySessionStorage(), () => {}),
      );
    }
    const stop = async () => {
      for (const { close } of candidates) await close?.();
    };
    return { candidates, stop };
  },
};
