import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";
import { describeOn } from "./support/describe-on.js";
import { startSentinels } from "./support/topology.js";

await describeOn(
  "valkey-sentinel",
  () => startSentinels("valkey"),
  async ({ nodes, natMap }) => {
    process.env.TOKENKEEP_REDIS_TEST = JSON.stringify({ sentinels: nodes, name: "tokens", natMap });
    await registerConformance(new URL("./store.mjs", import.meta.url), { describe, it });
  },
);
