import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

writeFileSync(
  "my-store.mjs",
  `import { MemoryTokenStore } from "@tokenkeep/memory";
   export default { name: "my-store", open: (_space, options) => new MemoryTokenStore(options) };`,
);
execFileSync("npx", [
  "--no-install",
  "conformance",
  "./my-store.mjs",
  "--only",
  "3",
  "--json",
  "report.json",
]);
const { summary } = JSON.parse(readFileSync("report.json", "utf8"));
if (summary.failed > 0 || summary.passed === 0) throw new Error("the kit failed a good store");
console.log(`${summary.passed} cases passed`);
