import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";

// The whole kit with encryption on.
await registerConformance(new URL("store-encrypted.mjs", import.meta.url), { describe, it });
