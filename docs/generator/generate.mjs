// Makes docs/api of the docstrings: `pnpm docs:api`. With a folder as argument, it writes there instead.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Application, Logger, LogLevel, TSConfigReader, TypeDocReader } from "typedoc";
import { publishedPackages, root } from "../../scripts/lib/workspace.mjs";
import { missingDocs } from "./missing-docs.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

/**
 * Writes the API reference.
 * @param {string} [out] the folder; docs/api by default
 * @returns {Promise<string[]>} what is wrong with the docstrings, a line each; empty where all is well
 */
export async function generate(out) {
  const app = await Application.bootstrapWithPlugins({ options: here }, [
    new TypeDocReader(),
    new TSConfigReader(),
  ]);
  const logger = new Collector();
  app.logger = logger;
  app.options.setValue("entryPoints", entryPoints());
  if (out !== undefined) app.options.setValue("out", out);
  const project = await app.convert();
  if (project === undefined) throw new Error(`The sources can't be read:\n${logger.problems.join("\n")}`);
  app.validate(project);
  const missing = missingDocs(project);
  await app.generateOutputs(project);
  return [...logger.problems, ...missing];
}

/** The sources of everything that a published package exports. */
function entryPoints() {
  return publishedPackages().flatMap(({ folder, manifest }) =>
    Object.values(manifest.exports)
      .filter((path) => path.endsWith(".js"))
      .map((path) => join(root, folder, path.replace("./dist/", "src/").replace(/js$/, "ts")))
      .filter((path) => existsSync(path)),
  );
}

class Collector extends Logger {
  /** @type {string[]} */
  problems = [];

  /** @override */
  log(text, level) {
    if (level >= LogLevel.Warn) this.problems.push(text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = await generate(process.argv[2]);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
