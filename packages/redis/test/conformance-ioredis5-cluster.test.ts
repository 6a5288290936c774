import { registerConformance } from "@tokenkeep/conformance";
import { describe, it, vi } from "vitest";
import { describeOn } from "./support/describe-on.js";
import { startCluster } from "./support/topology.js";

// in this process; the kit's child processes have it from the module
vi.mock("ioredis", () => import("ioredis5"));

await describeOn(
  "redis-cluster-ioredis5",
  () => startCluster("redis"),
  async ({ nodes, natMap }) => {
    process.env.TOKENKEEP_REDIS_TEST = JSON.stringify({ nodes, options: { natMap } });
    await registerConformance(new URL("./support/ioredis5.mjs", import.meta.url), { describe, it });
  },
);
