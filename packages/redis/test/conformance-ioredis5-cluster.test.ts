import { startCluster } from "@tokenkeep/test-servers";
import { vi } from "vitest";
import { onTopology } from "./support/conformance.js";

// In this process. The kit's child processes get it from the module.
vi.mock("ioredis", () => import("ioredis5-oldest"));

await onTopology(
  "redis-cluster-ioredis5",
  () => startCluster("redis"),
  ({ nodes, natMap }) => ({ nodes, options: { natMap, enableAutoPipelining: true } }),
  { ioredis: "ioredis5-oldest", only: ["3.4", "3.5", "4", "5", "6.1"] },
);
