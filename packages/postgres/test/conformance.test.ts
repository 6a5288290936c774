import { runKitOn } from "./kit.js";

await runKitOn("postgres");
