import { registerConformance } from "@tokenkeep/conformance";
import { describeOnServer } from "@tokenkeep/test-servers";
import { afterAll, describe, it } from "vitest";
import { FaultyWay } from "./support/faulty-way.js";

await describeOnServer("redis", async ({ url }) => {
  process.env.TOKENKEEP_REDIS_TEST = url;
  // for the stores of this process; the kit's child processes go straight to the server
  const way = await FaultyWay.start(url);
  afterAll(() => way.stop());
  Object.assign(globalThis, { [Symbol.for("tokenkeep.test.way")]: way });
  await registerConformance(new URL("./store.mjs", import.meta.url), { describe, it });
});
