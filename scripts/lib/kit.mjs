// The conformance kit on a package, by any Node, in a project that has both installed.
import { existsSync } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { backends, root, run } from "./workspace.mjs";

/**
 * @param {string} project the folder
 * @param {string} store the package's folder in `packages/`, whose own kit module is used
 * @param {{ program: string, url?: string }} options the Node, and the server
 * @returns {Promise<{ summary: { passed: number, failed: number }, cases: object[] }>} the kit's report
 */
export async function runKit(project, store, { program, url }) {
  const [module, report] = [join(project, `${store}.mjs`), join(project, `${store}.json`)];
  await copyFile(join(root, "packages", store, "test/store.mjs"), module);
  const cli = join(project, "node_modules/@tokenkeep/conformance/dist/cli.js");
  const variable = backends().find(({ short }) => short === store)?.kitVariable;
  const env = { ...process.env, ...(variable !== undefined && { [variable]: url }) };
  try {
    await run(program, [cli, module, "--json", report], { cwd: project, env, timeout: 900_000 });
  } catch (error) {
    if (!existsSync(report)) throw error; // a failed case is in the report
  }
  return JSON.parse(await readFile(report, "utf8"));
}
