import { describe, it } from "@jest/globals";
import { registerConformance } from "@tokenkeep/conformance";

await registerConformance(new URL("../store.mjs", import.meta.url), { describe, it });
