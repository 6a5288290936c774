import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";

await registerConformance(new URL("../store.mjs", import.meta.url), { describe, it });
