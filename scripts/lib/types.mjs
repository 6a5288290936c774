// What TypeScript sees of the packages, under each way of resolving modules that is in use.
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root, run } from "./workspace.mjs";

const programs = join(root, "scripts/lib/consumer");

const EVERYWHERE = ["program.mts", "imported.cts"];

/** The ways of resolving modules, with the oldest TypeScript that each works with, and what is checked. */
const WAYS = [
  // 5.2 is the first that knows `AsyncDisposable`
  { way: "node16", oldest: "5.2.2", module: "node16", files: EVERYWHERE },
  { way: "nodenext", oldest: "5.4.5", module: "nodenext", files: EVERYWHERE },
  // 5.8 is the first that knows `require()` of an ES module
  { way: "nodenext", oldest: "5.8.3", module: "nodenext", files: [...EVERYWHERE, "required.cts"] },
  { way: "bundler", oldest: "5.2.2", module: "esnext", files: ["program.mts"] },
];

/** As `npm init` and `tsc --init` make a project: nothing said about libraries or types. */
const PLAIN = ["5.4.5", "5.8.3", "6.0.3"];

const alias = (version) => `typescript-${version}`;

/** The dependencies that a project needs for `checkTypes`: the old compilers. */
export const COMPILERS = Object.fromEntries(
  [...WAYS.map(({ oldest }) => oldest), ...PLAIN].map((version) => [
    alias(version),
    `npm:typescript@${version}`,
  ]),
);

/** Type-checks a user's programs in a project that has the packages, their drivers and `COMPILERS` installed. */
export async function checkTypes(project) {
  for (const { way, oldest, module, files } of WAYS) {
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
    await run(process.execPath, [join(project, "node_modules", alias(oldest), "bin/tsc"), "-p", config]);
    await copyFile(join(programs, "postgres.mts"), join(project, "postgres.mts"));
    await writeFile(config, JSON.stringify({ compilerOptions, files: [...files, "postgres.mts"] }));
    await run(join(root, "node_modules/.bin/tsc"), ["-p", config], { cwd: project });
    console.log(`types under ${way}: clean, with TypeScript ${oldest} and the newest`);
  }
  await copyFile(join(programs, "plain.mts"), join(project, "plain.mts"));
  const config = join(project, "tsconfig.plain.json");
  const compilerOptions = { module: "nodenext", target: "es2022", types: [], strict: true, noEmit: true };
  await writeFile(config, JSON.stringify({ compilerOptions, files: ["plain.mts"] }));
  for (const version of PLAIN) {
    await run(process.execPath, [join(project, "node_modules", alias(version), "bin/tsc"), "-p", config]);
  }
  await run(join(root, "node_modules/.bin/tsc"), ["-p", config], { cwd: project });
  console.log(`types in a plain project: clean, with TypeScript ${PLAIN.join(", ")} and the newest`);
}
