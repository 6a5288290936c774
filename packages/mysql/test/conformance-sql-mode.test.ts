import { runKitOn } from "./kit.js";

// The sections whose statements differ.
const MODE = "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE";
await runKitOn("mysql", { sqlMode: MODE, only: ["2", "3", "4", "6.1", "6.3"] });
