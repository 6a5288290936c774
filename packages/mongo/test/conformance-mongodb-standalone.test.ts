import { describeOnServer } from "@tokenkeep/test-servers";
import { registerKitOn } from "./support.js";

await describeOnServer("mongodb", (server) => registerKitOn(server));
