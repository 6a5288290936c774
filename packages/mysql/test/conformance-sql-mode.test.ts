import { runKitOn } from "./kit.js";

// The sections whose statements differ. CONFORMANCE_ONLY=1,2,3,4,5,6,7,8,9 runs the whole kit.
const MODE = "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE";
await runKitOn("mysql", { sqlMode: MODE, only: ["2", "3", "4", "6.1", "6.3"] });
