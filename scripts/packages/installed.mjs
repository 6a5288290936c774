// What an installation brought along, and what of it is ours.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./workspace.mjs";

/**
 * Fails where a package of ours brought anything but core along.
 * @param {string[]} asked the names that were installed: the package, and its driver
 * @returns {Promise<number>} how many packages there are in all, the driver's own dependencies included
 */
export async function checkWhatCame(project, asked) {
  const { dependencies } = JSON.parse(await run("npm", ["ls", "--all", "--json"], { cwd: project }));
  const strangers = Object.keys(dependencies).filter((name) => !asked.includes(name));
  if (strangers.length > 0) throw new Error(`Not asked for, and there: ${strangers.join(", ")}.`);

  for (const [name, { dependencies: brought = {} }] of Object.entries(dependencies)) {
    if (!name.startsWith("@tokenkeep/")) continue;
    // a driver is listed beneath the package whose peer it is
    const extra = Object.keys(brought).filter((each) => each !== "@tokenkeep/core" && !asked.includes(each));
    const ofCore = Object.keys(brought["@tokenkeep/core"]?.dependencies ?? {});
    if (extra.length + ofCore.length > 0)
      throw new Error(`${name} brought ${[...extra, ...ofCore].join(", ")}.`);
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
