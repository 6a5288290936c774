// Nodes of other versions, from npm: the package `node-<platform>-<arch>` has the program and its headers.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root, run } from "./workspace.mjs";

/** Where what was fetched or compiled is kept for the next time. */
export const cache = join(root, "node_modules/.cache/tokenkeep");

/**
 * @param {string} major "22"; the Node that runs this is taken where it is of that version
 * @returns {Promise<{ major: string, version: string, program: string, prefix: string }>} `prefix` has its
 *   `bin` and `include`
 */
export async function findNode(major) {
  if (process.versions.node.split(".")[0] === major)
    return describe(major, dirname(dirname(process.execPath)));
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(cache, `node-${major}`);
  const prefix = join(folder, "node_modules", name);
  if (!existsSync(join(prefix, "bin/node"))) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true }));
    await run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", `${name}@${major}`], {
      cwd: folder,
    });
  }
  return describe(major, prefix);
}

async function describe(major, prefix) {
  const program = join(prefix, "bin/node");
  return { major, prefix, program, version: (await run(program, ["--version"])).trim() };
}

/**
 * The environment in which npm and what it runs take this Node, and compile against its headers.
 * @returns {Record<string, string | undefined>}
 */
export function environmentOf({ prefix }) {
  return { ...process.env, PATH: `${join(prefix, "bin")}:${process.env.PATH}`, npm_config_nodedir: prefix };
}
