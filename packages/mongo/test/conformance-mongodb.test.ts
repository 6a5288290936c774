import { describeOnServer } from "@tokenkeep/test-servers";
import { registerKitOn } from "./kit.js";

await describeOnServer("mongodb", registerKitOn);
