import { runKitOn } from "./kit.js";

// Not the outages: what a pooler changes is which connection a statement gets.
await runKitOn("pgbouncer", { only: ["2", "3", "5.2", "5.3", "5.5", "6.1", "6.3"] });
