import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "mocha";

await registerConformance(new URL("../store.mjs", import.meta.url), { describe, it });
