// Every entry of every package, loaded as an ES module and with `require()`, by any runtime.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publishedPackages, run, thisNode } from "./workspace.mjs";

/**
 * @param {string} project a folder that has the packages and their drivers installed
 * @param {{ program: string, args: string[] }} [runtime] what runs them
 * @returns {Promise<number>} how many entries there are
 */
export async function checkLoading(project, { program, args } = thisNode) {
  const entries = publishedPackages().flatMap(({ name, manifest }) =>
    Object.keys(manifest.exports).map((entry) => name + entry.slice(1)),
  );
  const list = JSON.stringify(entries.filter((entry) => !entry.endsWith("package.json")));
  await writeFile(
    join(project, "loading.cjs"),
    `(async () => {
       for (const name of ${list}) {
         const [required, imported] = [require(name), await import(name)];
         const names = Object.keys(imported);
         if (names.length === 0) throw new Error(name + " exports nothing");
         for (const key of names) {
           if (required[key] !== imported[key]) throw new Error(name + " has " + key + " twice, or not with require()");
         }
       }
     })();`,
  );
  await run(program, [...args, "loading.cjs"], { cwd: project });
  return JSON.parse(list).length;
}
