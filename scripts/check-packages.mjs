// What a user gets, without a registry: packs every published package, lints the tarballs, installs them in
// an empty project, and sees to it that TypeScript, `import` and `require()` find what is in them. The file store is
// also run where the file system is not quite Node's own.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkEnvironments } from "./lib/environments.mjs";
import { lintPackage } from "./lib/lint.mjs";
import { checkLoading } from "./lib/loading.mjs";
import { packPackages, projectOf } from "./lib/pack.mjs";
import { COMPILERS, checkTypes } from "./lib/types.mjs";
import { publishedPackages, run, versionsOf } from "./lib/workspace.mjs";

const folder = await mkdtemp(join(tmpdir(), "tokenkeep-tarballs-"));
try {
  const tarballs = await packPackages(folder);
  for (const published of publishedPackages()) {
    await lintPackage(published, tarballs[published.name]);
    console.log(`${published.name}: publint and attw are clean`);
  }

  const project = join(folder, "project");
  await mkdir(project);
  const dependencies = {
    ...versionsOf(),
    ...versionsOf(["@types/node", "@types/better-sqlite3", "@types/pg"]),
    ...COMPILERS,
  };
  await writeFile(join(project, "package.json"), JSON.stringify(projectOf(tarballs, { dependencies })));
  // nothing here opens a database, so that no native driver has to be built
  await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: project,
  });
  await checkTypes(project);
  console.log(
    `${await checkLoading(project)} entries load with import and require(), Node ${process.version}`,
  );
  for (const sentence of await checkEnvironments(tarballs, folder)) console.log(sentence);
} finally {
  await rm(folder, { recursive: true, force: true });
}
