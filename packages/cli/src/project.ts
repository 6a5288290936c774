import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CommandError } from "./errors.js";

/**
 * Where a package is: in the project in which the command runs, otherwise next to the command, where it was installed
 * together with an adapter.
 * @param name the package, or one of its entry points
 * @returns its path, undefined if it is not installed
 */
export function findInProject(name: string): string | undefined {
  const project = createRequire(join(process.cwd(), "package.json"));
  for (const require of [project, createRequire(import.meta.url)]) {
    try {
      return require.resolve(name);
    } catch {
      // the next one
    }
  }
  return undefined;
}

/**
 * Loads packages of the project.
 * @param names one or more packages, all of which must be installed
 * @returns the first of them
 * @throws CommandError that says how to install what is missing
 */
export async function importFromProject<T>(...names: [string, ...string[]]): Promise<T> {
  const missing = names.filter((name) => findInProject(name) === undefined);
  if (missing.length > 0) {
    throw new CommandError(
      `Not installed in this project: ${missing.join(", ")}. Run: npm install ${missing.join(" ")}`,
    );
  }
  return (await import(pathToFileURL(findInProject(names[0])!).href)) as T;
}
