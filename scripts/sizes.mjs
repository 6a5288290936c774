// Lines of code without blank lines and comments, per adapter: `node scripts/sizes.mjs`.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { backends, root } from "./lib/workspace.mjs";

for (const { short, folder } of backends()) {
  const files = readdirSync(join(root, folder, "src"), { recursive: true }).filter((name) =>
    name.endsWith(".ts"),
  );
  const lines = files.map((file) => codeIn(readFileSync(join(root, folder, "src", file), "utf8")));
  console.log(`${short}: ${lines.reduce((sum, count) => sum + count, 0)}`);
}

function codeIn(text) {
  const withoutBlocks = text.replace(/^\s*\/\*[\s\S]*?\*\/\s*$/gm, "");
  return withoutBlocks.split("\n").filter((line) => !/^\s*(\/\/.*)?$/.test(line)).length;
}
