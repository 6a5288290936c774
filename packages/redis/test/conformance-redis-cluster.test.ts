import { startCluster } from "@tokenkeep/test-servers";
import { onTopology, WITHOUT_ENCRYPTION } from "./support/conformance.js";

await onTopology(
  "redis-cluster",
  () => startCluster("redis"),
  ({ nodes, natMap }) => ({ nodes, options: { natMap } }),
  { only: WITHOUT_ENCRYPTION },
);
