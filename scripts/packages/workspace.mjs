// Which packages of this repository users get, and how a program of another folder is run.
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** The packages that are published: { name, folder, manifest }, core first. */
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

/** Runs a program to its end and resolves with what it printed; what it printed is in the error, too. */
export async function run(command, args, options = {}) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 2 ** 26, ...options });
    return stdout;
  } catch (error) {
    const printed = `${error.stdout ?? ""}${error.stderr ?? ""}`.trim();
    throw new Error(`${[command, ...args].join(" ")} failed: ${printed || error.message}`, { cause: error });
  }
}

/** Runs pnpm: the one on the path, as within `npx pnpm …`, otherwise npx's. */
export async function pnpm(args, options) {
  try {
    return await run("pnpm", args, options);
  } catch (error) {
    if (error.cause.code !== "ENOENT") throw error;
    return run("npx", ["--yes", "pnpm", ...args], options);
  }
}
