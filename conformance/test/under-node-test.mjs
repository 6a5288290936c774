// Run by node --test; see runners.test.ts.
import { describe, it } from "node:test";
import { registerConformance } from "@tokenkeep/conformance";

await registerConformance(
  new URL("./plain-store.mjs", import.meta.url),
  { describe, it },
  { only: ["3", "8"] },
);
