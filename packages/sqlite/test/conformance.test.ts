import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";

for (const module of ["store.mjs", "store-memory.mjs", "store-database.mjs"]) {
  await registerConformance(new URL(module, import.meta.url), { describe, it });
}
