import { runKitOn } from "./kit.js";

// Not what core alone decides.
await runKitOn("mariadb", { only: ["2", "3", "4", "5", "6", "7"] });
