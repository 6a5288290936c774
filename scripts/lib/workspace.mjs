// Which packages of this repository users get, which of them are backends, and how a program of another folder is run.
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** The Node that runs this. Others: runtimes.mjs. */
export const thisNode = { program: process.execPath, args: [] };

/** The packages that are published: { name, folder, manifest }. */
export function publishedPackages() {
  const folders = [...readdirSync(join(root, "packages")).map((name) => `packages/${name}`), "conformance"];
  return folders
    .filter((folder) => existsSync(join(root, folder, "package.json")))
    .map((folder) => ({ folder, manifest: readManifest(folder) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }));
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

/**
 * The stores, as their package.json declares them in the field `tokenkeep`:
 * `backend`, a heading for people; `servers`, the test servers that it runs on, the usual one first, if it needs
 * one; `kitVariable`, the environment variable from which its test/store.mjs takes a server's URL.
 */
export function backends() {
  return publishedPackages()
    .filter(({ manifest }) => manifest.tokenkeep !== undefined)
    .map(({ name, folder, manifest }) => ({
      name,
      folder,
      short: folder.split("/")[1],
      ...manifest.tokenkeep,
    }));
}

/**
 * What the repository itself is built and tested with, at the same versions.
 * @param {string[]} [names] by default every driver that a published package asks its user for
 * @returns {Record<string, string>} a package.json's `dependencies`
 */
export function versionsOf(names) {
  const manifests = [readManifest("."), ...publishedPackages().map(({ manifest }) => manifest)];
  const wanted = names ?? manifests.flatMap(({ peerDependencies = {} }) => Object.keys(peerDependencies));
  const known = Object.assign({}, ...manifests.map(({ devDependencies }) => devDependencies));
  return Object.fromEntries(wanted.map((name) => [name, known[name]]));
}

/** Runs a program to its end and resolves with what it printed; what it printed is in the error, too. */
export async function run(command, args, options = {}) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 2 ** 26, ...options });
    return stdout;
  } catch (error) {
    const printed = `${error.stdout ?? ""}${error.stderr ?? ""}`.trim();
    const failure = new Error(`${[command, ...args].join(" ")} failed: ${printed || error.message}`);
    throw Object.assign(failure, { code: error.code });
  }
}

/** Runs pnpm: the one on the path, as within `npx pnpm …`, otherwise npx's. */
export async function pnpm(args, options) {
  try {
    return await run("pnpm", args, options);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return run("npx", ["--yes", "pnpm", ...args], options);
  }
}
