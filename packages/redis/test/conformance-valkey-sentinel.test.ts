import { onTopology } from "./support/conformance.js";
import { startSentinels } from "./support/topology.js";

await onTopology(
  "valkey-sentinel",
  () => startSentinels("valkey"),
  ({ nodes, natMap }) => ({ sentinels: nodes, name: "tokens", natMap }),
  { only: ["3.4", "3.5", "4", "5", "6.1"] },
);
