// What TypeScript sees of the packages, under each way of resolving modules that is in use.
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root, run } from "./workspace.mjs";

const programs = join(root, "scripts/packages/consumer");
const WAYS = {
  node16: { module: "node16", files: ["program.mts", "imported.cts"] },
  nodenext: { module: "nodenext", files: ["program.mts", "imported.cts", "required.cts"] },
  bundler: { module: "esnext", files: ["program.mts"] },
};

/** Type-checks a user's programs in a project that has the packages and their drivers installed. */
export async function checkTypes(project) {
  for (const [way, { module, files }] of Object.entries(WAYS)) {
    for (const file of files) await copyFile(join(programs, file), join(project, file));
    const config = join(project, `tsconfig.${way}.json`);
    const compilerOptions = {
      module,
      moduleResolution: way,
      target: "es2022",
      lib: ["es2022", "esnext.disposable"],
      types: ["node"],
      strict: true,
      noEmit: true,
      // the declarations of our own packages are checked too, and those of the drivers with them
      skipLibCheck: false,
    };
    await writeFile(config, JSON.stringify({ compilerOptions, files }));
    await run(join(root, "node_modules/.bin/tsc"), ["-p", config], { cwd: project });
    console.log(`types under ${way}: clean`);
  }
}
