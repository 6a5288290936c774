import { describe, it } from "node:test";
import { registerConformance } from "@tokenkeep/conformance";

await registerConformance(new URL("../store.mjs", import.meta.url), { describe, it });
