import { describeOnReplicaSet } from "./replica-set.js";
import { registerKitOn } from "./support.js";

await describeOnReplicaSet((server) => registerKitOn(server));
