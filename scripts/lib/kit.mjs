// The conformance kit on a package, by any runtime, in a project that has both installed.
import { existsSync } from "node:fs";
import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { backends, root, run } from "./workspace.mjs";

/**
 * @param {string} project the folder
 * @param {string} store the package's folder in `packages/`, whose own kit modules are used
 * @param {import("./runtimes.mjs").Runtime} runtime
 * @param {{ url?: string, module?: string, env?: Record<string, string> }} [options] the server; which of the modules
 * @returns {Promise<{ summary: { passed: number, failed: number }, cases: object[] }>} the kit's report
 */
export async function runKit(project, store, { program, args }, options = {}) {
  const { url, module = "store.mjs", env = {} } = options;
  const [modules, report] = [join(project, store), join(project, `${store}.json`)];
  await rm(report, { force: true });
  const filter = (path) => !/\.ts$/.test(path);
  await cp(join(root, "packages", store, "test"), modules, { recursive: true, filter });
  const variable = backends().find(({ short }) => short === store)?.kitVariable;
  const cli = [join(project, "node_modules/@tokenkeep/conformance/dist/cli.js"), join(modules, module)];
  try {
    await run(program, [...args, ...cli, "--json", report], {
      cwd: project,
      env: { ...process.env, ...(variable !== undefined && { [variable]: url }), ...env },
      timeout: 900_000,
    });
  } catch (error) {
    if (!existsSync(report)) throw error; // a failed case is in the report
  }
  return JSON.parse(await readFile(report, "utf8"));
}
