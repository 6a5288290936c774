import { registerConformance } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { describe, it } from "vitest";

// With encryption on, and again while another process changes the key of every record. Encryption is core's, and here
// are the sections in which the backend has most to do with it; TOKENKEEP_EVERY=1 runs the whole kit.
const only = process.env.TOKENKEEP_EVERY ? [] : ["3.4", "3.5"];

await describeOnServer("redis", async ({ url }) => {
  process.env.TOKENKEEP_REDIS_TEST = url;
  for (const module of ["store-encrypted.mjs", "store-rekeyed.mjs"]) {
    await registerConformance(new URL(module, import.meta.url), { describe, it }, { only });
  }
});
