import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";

// With encryption on, and again while another process changes the key of every record. What has nothing to do with
// records is the same with and without; TOKENKEEP_EVERY=1 runs the whole kit.
const only = process.env.TOKENKEEP_EVERY ? [] : ["2", "3", "4"];

for (const module of ["store-encrypted.mjs", "store-rekeyed.mjs"]) {
  await registerConformance(new URL(module, import.meta.url), { describe, it }, { only });
}
