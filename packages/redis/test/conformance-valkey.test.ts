import { onServer } from "./support/conformance.js";

await onServer("valkey", { only: ["1.4", "2", "3", "4", "5", "6.1", "6.3"] });
