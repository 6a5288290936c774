// What can be said of a tarball without installing it.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./workspace.mjs";

// attw's rules that are not for these packages
const ALLOWED = [
  // CommonJS gets an ES module: every Node that is supported takes one, which loading.mjs sees to. TypeScript's
  // `node16` has not heard of it and wants `import()` there, which types.mjs sees to
  "cjs-resolves-to-esm",
];

/** Fails with what publint, attw or a look at the files has against this package. */
export async function lintPackage({ folder }, tarball) {
  await Promise.all([
    run(tool("publint"), ["--strict", tarball]),
    run(tool("attw"), [tarball, "--profile", "node16", "--format", "ascii", "--ignore-rules", ...ALLOWED]),
  ]);
  const stale = filesOf(join(root, folder, "dist")).filter((file) => !isMadeFromSource(folder, file));
  if (stale.length > 0) {
    throw new Error(
      `${folder}/dist has files that no source makes (${stale.join(", ")}): delete it, and build with --force.`,
    );
  }
}

const tool = (name) => join(root, "node_modules/.bin", name);

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function isMadeFromSource(folder, file) {
  const source = file.replace(/\.(d\.ts|js)$/, ".ts");
  return source !== file && existsSync(join(root, folder, "src", source));
}
