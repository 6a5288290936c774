import { onServer } from "./support/conformance.js";

await onServer("redis");
