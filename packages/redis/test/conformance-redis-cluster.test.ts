import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";
import { describeOn } from "./support/describe-on.js";
import { startCluster } from "./support/topology.js";

await describeOn(
  "redis-cluster",
  () => startCluster("redis"),
  async ({ nodes, natMap }) => {
    process.env.TOKENKEEP_REDIS_TEST = JSON.stringify({ nodes, options: { natMap } });
    await registerConformance(new URL("./store.mjs", import.meta.url), { describe, it });
  },
);
