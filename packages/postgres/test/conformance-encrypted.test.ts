import { registerConformance } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { describe, it } from "vitest";

// The kit with encryption on; with TOKENKEEP_EVERY, again while another process changes the key of every record. What
// the network does is the same with and without, so the outages are left to the other files.
const modules = ["store-encrypted.mjs", ...(process.env.TOKENKEEP_EVERY ? ["store-rekeyed.mjs"] : [])];
const only = ["1", "2", "3", "4", "5", "6", "8", "9"];

await describeOnServer("postgres", async ({ url }) => {
  process.env.POSTGRES_URL = url;
  for (const module of modules) {
    await registerConformance(new URL(module, import.meta.url), { describe, it }, { only });
  }
});
