import { runKitOn } from "./kit.js";

await runKitOn("mysql", "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE");
