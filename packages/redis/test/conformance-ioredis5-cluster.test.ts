import { vi } from "vitest";
import { onTopology, otherIoredis } from "./support/conformance.js";
import { startCluster } from "./support/topology.js";

// In this process. The kit's child processes get it from the module.
vi.mock("ioredis", () => import("ioredis5-oldest"));

await onTopology(
  "redis-cluster-ioredis5",
  () => startCluster("redis"),
  ({ nodes, natMap }) => ({ nodes, options: { natMap, enableAutoPipelining: true } }),
  otherIoredis("ioredis5-oldest"),
);
