import { describeOnServer } from "@tokenkeep/test-servers";
import { registerKitOn } from "./support.js";

await describeOnServer("ferretdb", (server) => registerKitOn(server));
