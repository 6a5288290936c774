// What an installation brought along, and what of it is ours.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { publishedPackages, root, run } from "./workspace.mjs";

/**
 * Fails if a package of ours brought along anything but what its package.json declares and its README gives a reason
 * for.
 * @param {string[]} asked the names that were installed: the package, and its driver
 * @returns {Promise<number>} how many packages there are in all, the driver's own dependencies included
 */
export async function checkWhatCame(project, asked) {
  const { dependencies } = JSON.parse(await run("npm", ["ls", "--all", "--json"], { cwd: project }));
  const strangers = Object.keys(dependencies).filter((name) => !asked.includes(name));
  if (strangers.length > 0) throw new Error(`Not asked for, and there: ${strangers.join(", ")}.`);

  for (const { name, folder, manifest } of publishedPackages()) {
    if (dependencies[name] === undefined) continue;
    const declared = Object.keys(manifest.dependencies ?? {});
    const peers = Object.keys(manifest.peerDependencies ?? {});
    // A driver is listed below the package whose peer it is.
    const brought = Object.keys(dependencies[name].dependencies ?? {});
    const extra = brought.filter((each) => ![...declared, ...peers, ...asked].includes(each));
    if (extra.length > 0) throw new Error(`${name} brought ${extra.join(", ")}.`);
    const readme = await readFile(join(root, folder, "README.md"), "utf8");
    const silent = declared.filter((each) => !each.startsWith("@tokenkeep/") && !readme.includes(each));
    if (silent.length > 0) throw new Error(`${name}'s README gives no reason for ${silent.join(", ")}.`);
  }
  return countPackages(dependencies).size;
}

function countPackages(dependencies = {}, seen = new Set()) {
  for (const [name, { version, dependencies: below }] of Object.entries(dependencies)) {
    seen.add(`${name}@${version}`);
    countPackages(below, seen);
  }
  return seen;
}

/** The bytes of an installed package's own files. */
export async function weightOf(project, name) {
  const folder = join(project, "node_modules", name);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => stat(join(entry.parentPath, entry.name)));
  return (await Promise.all(files)).reduce((sum, { size }) => sum + size, 0);
}
