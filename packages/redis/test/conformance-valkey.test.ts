import { registerConformance } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { describe, it } from "vitest";

await describeOnServer("valkey", async ({ url }) => {
  process.env.TOKENKEEP_REDIS_TEST = url;
  await registerConformance(new URL("./store.mjs", import.meta.url), { describe, it });
});
