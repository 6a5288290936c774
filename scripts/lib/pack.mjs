// Packs packages of this repository as `npm publish` would, so that a test gets what a user gets.
import { pnpm, publishedPackages, root } from "./workspace.mjs";

/**
 * Packs published packages into a folder. They have to be built: `pnpm build`.
 * @param {string} destination an absolute folder
 * @param {{ names?: string[] }} [options] the packages' names; all of them unless given
 * @returns {Promise<Record<string, string>>} the path of the tarball by the name of the package
 */
export async function packPackages(destination, { names } = {}) {
  const wanted = names ?? publishedPackages().map(({ name }) => name);
  const filters = wanted.flatMap((name) => ["--filter", name]);
  const args = ["--recursive", ...filters, "pack", "--json", "--pack-destination", destination];
  // one package alone is an object, several are an array
  const packed = [JSON.parse(await pnpm(args, { cwd: root }))].flat();
  const tarballs = Object.fromEntries(packed.map(({ name, filename }) => [name, filename]));
  const missing = wanted.filter((name) => tarballs[name] === undefined);
  if (missing.length > 0) throw new Error(`No published package is named ${missing.join(" or ")}.`);
  return tarballs;
}

/**
 * The package.json of an empty project that has these packages, from their tarballs alone.
 * @param {Record<string, string>} tarballs what `packPackages` gave
 * @param {{ names?: string[], dependencies?: Record<string, string> }} [options] which of them are installed
 *   by name, and what else the project needs
 */
export function projectOf(tarballs, { names = Object.keys(tarballs), dependencies = {} } = {}) {
  const files = Object.fromEntries(Object.entries(tarballs).map(([name, path]) => [name, `file:${path}`]));
  return {
    name: "empty-project",
    private: true,
    type: "module",
    dependencies: { ...Object.fromEntries(names.map((name) => [name, files[name]])), ...dependencies },
    // a package that another one brings along comes from its tarball too, not from a registry
    overrides: files,
  };
}
