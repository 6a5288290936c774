import { registerConformance } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { describe, it } from "vitest";

await describeOnServer("mongodb-replica-set", async ({ url }) => {
  process.env.TOKENKEEP_MONGO_TEST_URL = url;
  await registerConformance(new URL("./store.mjs", import.meta.url), { describe, it });
});
