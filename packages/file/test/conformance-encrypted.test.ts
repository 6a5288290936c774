import { registerConformance } from "@tokenkeep/conformance";
import { describe, it } from "vitest";

// The whole kit with encryption on; with TOKENKEEP_EVERY, again while another process changes the key of every record.
const modules = ["store-encrypted.mjs", ...(process.env.TOKENKEEP_EVERY ? ["store-rekeyed.mjs"] : [])];

for (const module of modules) {
  await registerConformance(new URL(module, import.meta.url), { describe, it });
}
