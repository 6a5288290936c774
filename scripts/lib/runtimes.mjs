// Other runtimes than the one that runs this, from npm: Node with its headers, Bun and Deno, each in one package.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root, run } from "./workspace.mjs";

/** Where what was fetched or compiled is kept for the next time. */
export const cache = join(root, "node_modules/.cache/tokenkeep");

export const RUNTIMES = ["20", "22", "24", "26", "bun", "deno"];

const target = `${process.platform}-${process.arch}`;
const OTHERS = {
  bun: { title: "Bun", name: `@oven/bun-${target}`, file: "bin/bun", args: [] },
  deno: {
    title: "Deno",
    name: `@deno/${target}${process.platform === "linux" ? "-glibc" : ""}`,
    file: "deno",
    args: ["run", "--allow-all"],
  },
};

/**
 * A runtime.
 * @typedef {object} Runtime
 * @property {string} key as in `RUNTIMES`
 * @property {string} label such as "Node 22.23.5"
 * @property {string} program the path of its program
 * @property {string[]} args what comes before the file to run
 * @property {string} [prefix] of a Node, the folder that has its `bin` and `include`
 */

/**
 * @param {string} key one of `RUNTIMES`; the Node that runs this is taken where it is of that version
 * @returns {Promise<Runtime>}
 */
export async function findRuntime(key) {
  if (OTHERS[key] !== undefined) {
    const { title, name, file, args } = OTHERS[key];
    const program = join(await installed(key, name, file), file);
    const [version] = /\d+\.\d+\.\d+/.exec(await run(program, ["--version"]));
    return { key, label: `${title} ${version}`, program, args };
  }
  const isThisOne = process.versions.node.split(".")[0] === key;
  const prefix = isThisOne
    ? dirname(dirname(process.execPath))
    : await installed(`node-${key}`, `node-${target}`, "bin/node", key);
  const program = join(prefix, "bin/node");
  const version = (await run(program, ["--version"])).trim().slice(1);
  return { key, label: `Node ${version}`, program, args: [], prefix };
}

/** @returns {Promise<string>} the folder of a package that has this file, installed unless it is there already */
async function installed(key, name, file, version = "latest") {
  const project = join(cache, key);
  const folder = join(project, "node_modules", name);
  if (!existsSync(join(folder, file))) {
    await mkdir(project, { recursive: true });
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true }));
    const flags = ["--no-audit", "--no-fund", "--loglevel=error"];
    await run("npm", ["install", ...flags, `${name}@${version}`], { cwd: project });
  }
  return folder;
}

/**
 * The environment in which npm and what it runs take this Node, and compile against its headers. For another runtime,
 * npm runs on the Node that runs this.
 * @param {Runtime} runtime
 * @returns {Record<string, string | undefined>}
 */
export function environmentOf({ prefix }) {
  if (prefix === undefined) return process.env;
  return { ...process.env, PATH: `${join(prefix, "bin")}:${process.env.PATH}`, npm_config_nodedir: prefix };
}
