// `pnpm demo`: builds the packages, where that was not done yet, and runs the demo.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { status, stdout, stderr, error } = spawnSync(
  "node_modules/.bin/turbo",
  ["run", "build", "--filter=@tokenkeep/examples^...", "--output-logs=errors-only"],
  { cwd: root, encoding: "utf8", shell: process.platform === "win32" },
);
if (status !== 0) {
  console.error(stdout ?? "", stderr ?? "", error?.message ?? "");
  console.error(
    "The packages could not be built. Run the demo as `npx --yes pnpm demo`, which installs what is missing.",
  );
  process.exit(1);
}
await import("./demo.mjs");
