// Yarn, from npm: the package `@yarnpkg/cli-dist` has it in one file.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./workspace.mjs";

/**
 * @param {string} folder where it is installed
 * @returns {Promise<string>} the path of its program
 */
export async function installYarn(folder) {
  const destination = join(folder, "yarn");
  await mkdir(destination, { recursive: true });
  const flags = ["--no-audit", "--no-fund", "--loglevel=error", "--prefix", destination];
  await run("npm", ["install", ...flags, "@yarnpkg/cli-dist@4"], { cwd: destination });
  return join(destination, "node_modules/@yarnpkg/cli-dist/bin/yarn.js");
}

/**
 * Installs a project with Yarn, from the registry that npm is configured for.
 * @param {object} manifest what `projectOf` returned
 * @param {"pnp" | "node-modules"} linker
 */
export async function yarnInstall(yarn, project, { overrides, ...manifest }, linker) {
  await writeFile(join(project, "package.json"), JSON.stringify({ ...manifest, resolutions: overrides }));
  await writeFile(join(project, "yarn.lock"), ""); // it is a project of its own, wherever it is
  const registry = (await run("npm", ["config", "get", "registry"], { cwd: project })).trim();
  const env = {
    ...process.env,
    YARN_NPM_REGISTRY_SERVER: registry.replace(/\/$/, ""),
    YARN_NODE_LINKER: linker,
    YARN_GLOBAL_FOLDER: join(project, ".yarn/global"),
    YARN_ENABLE_TELEMETRY: "0",
    YARN_ENABLE_IMMUTABLE_INSTALLS: "false", // its default in CI
    YARN_ENABLE_SCRIPTS: "false",
  };
  await run(process.execPath, [yarn, "install"], { cwd: project, env });
}
