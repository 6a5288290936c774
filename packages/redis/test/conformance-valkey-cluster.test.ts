import { startCluster } from "@tokenkeep/test-servers";
import { onTopology } from "./support/conformance.js";

await onTopology(
  "valkey-cluster",
  () => startCluster("valkey"),
  ({ nodes, natMap }) => ({ nodes, options: { natMap } }),
  { only: ["3.4", "3.5", "4", "5", "6.1"] },
);
