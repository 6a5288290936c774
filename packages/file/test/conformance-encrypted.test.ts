import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";

// The whole kit with encryption on, and again while another process changes the key of every record.
for (const module of ["store-encrypted.mjs", "store-rekeyed.mjs"]) {
  await registerConformance(new URL(module, import.meta.url), { describe, it });
}
