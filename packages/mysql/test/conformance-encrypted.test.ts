import { registerConformance } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { describe, it } from "vitest";

// With encryption on, and again while another process changes the key of every record. What records do not come into
// is the same with and without: CONFORMANCE_ONLY=1,2,3,4,5,6,7,8,9 runs the whole kit.
const only = ["3"];

await describeOnServer("mysql", async ({ url }) => {
  process.env.TOKENKEEP_TEST_SQL_URL = url;
  for (const module of ["store-encrypted.mjs", "store-rekeyed.mjs"]) {
    await registerConformance(new URL(module, import.meta.url), { describe, it }, { only });
  }
});
