import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";

await registerConformance(new URL("store.mjs", import.meta.url), { describe, it });

// Not the encryption, which is the same on each.
const only = ["1.4", "2", "3", "4", "5", "6", "7", "9"];
for (const module of ["store-memory.mjs", "store-database.mjs"]) {
  await registerConformance(new URL(module, import.meta.url), { describe, it }, { only });
}
