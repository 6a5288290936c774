import { onTopology, WITHOUT_ENCRYPTION } from "./support/conformance.js";
import { startCluster } from "./support/topology.js";

await onTopology(
  "redis-cluster",
  () => startCluster("redis"),
  ({ nodes, natMap }) => ({ nodes, options: { natMap } }),
  { only: WITHOUT_ENCRYPTION },
);
