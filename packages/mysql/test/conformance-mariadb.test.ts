import { registerConformance } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { describe, it } from "vitest";

await describeOnServer("mariadb", async (server) => {
  process.env.TOKENKEEP_TEST_SQL_URL = server.url;
  await registerConformance(new URL("./store.mjs", import.meta.url), { describe, it });
});
