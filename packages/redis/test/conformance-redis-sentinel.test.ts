import { startSentinels } from "@tokenkeep/test-servers";
import { onTopology } from "./support/conformance.js";

await onTopology(
  "redis-sentinel",
  () => startSentinels("redis"),
  ({ nodes, natMap }) => ({ sentinels: nodes, name: "tokens", natMap }),
  { only: ["3.4", "3.5", "4", "5", "6.1"] },
);
