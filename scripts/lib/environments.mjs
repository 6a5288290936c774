// The file store where `node:fs` is not quite Node's own: under test runners whose errors are of another realm, so
// that `instanceof Error` is false for them, and under Yarn Plug'n'Play, which puts a file system of its own in front.
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectOf } from "./pack.mjs";
import { root, run, versionsOf } from "./workspace.mjs";
import { installYarn, yarnInstall } from "./yarn.mjs";

const PROGRAM = "uses-file-store.mjs";
const IMPORT = `import { usesFileStore } from "./${PROGRAM}";`;

const ENVIRONMENTS = [
  {
    name: "jest",
    tools: { jest: "^30.0.0", "@jest/globals": "^30.0.0" },
    files: {
      "store.jest.mjs": `import { it } from "@jest/globals"; ${IMPORT} it("works", usesFileStore, 60_000);`,
      "jest.config.json": '{ "testMatch": ["**/store.jest.mjs"], "transform": {} }',
    },
    command: ["--experimental-vm-modules", "node_modules/jest/bin/jest.js"],
  },
  {
    name: "vitest with vmThreads",
    tools: versionsOf(["vitest"]),
    files: {
      "store.vitest.mjs": `import { it } from "vitest"; ${IMPORT} it("works", usesFileStore, 60_000);`,
      "vitest.config.mjs": 'export default { test: { include: ["store.vitest.mjs"], pool: "vmThreads" } };',
    },
    command: ["node_modules/vitest/vitest.mjs", "run"],
  },
  {
    name: "Yarn Plug'n'Play",
    isYarn: true,
    files: { "main.mjs": `${IMPORT} await usesFileStore();` },
    // what `yarn node` sets
    command: ["--require", "./.pnp.cjs", "--experimental-loader", "./.pnp.loader.mjs", "main.mjs"],
  },
];

/**
 * Runs the file store once in each.
 * @param {Record<string, string>} tarballs what `packPackages` returned
 * @param {string} folder where the projects are made
 * @returns {Promise<string[]>} a sentence for each; where its tool can't be installed, that it was NOT RUN
 */
export async function checkEnvironments(tarballs, folder) {
  const sentences = [];
  for (const [index, { name, isYarn, tools, files, command }] of ENVIRONMENTS.entries()) {
    const project = join(folder, `environment-${index}`);
    await mkdir(project);
    const install = (dependencies, names) =>
      npmInstall(project, projectOf(tarballs, { names, dependencies }));
    let yarn;
    try {
      if (isYarn) yarn = await installYarn(folder);
      else await install(tools, []);
    } catch (error) {
      sentences.push(`the file store under ${name} was NOT RUN: ${error.message}`);
      continue;
    }
    const names = ["@tokenkeep/file"];
    if (isYarn) await yarnInstall(yarn, project, projectOf(tarballs, { names }), "pnp");
    else await install(tools, names);
    await copyFile(join(root, "scripts/lib/consumer", PROGRAM), join(project, PROGRAM));
    for (const [file, text] of Object.entries(files)) await writeFile(join(project, file), text);
    await run(process.execPath, command, { cwd: project });
    sentences.push(`the file store works under ${name}`);
  }
  return sentences;
}

async function npmInstall(project, manifest) {
  await writeFile(join(project, "package.json"), JSON.stringify(manifest));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", ["install", ...flags], { cwd: project });
}
