import { registerKitOn } from "./kit.js";
import { describeOnReplicaSet } from "./replica-set.js";

await describeOnReplicaSet(registerKitOn);
