// The conformance kit on a package, by any Node, in a project that has both installed.
import { existsSync } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root, run } from "./workspace.mjs";

/** Where a package's kit module is told of its server. */
const VARIABLES = {
  redis: "TOKENKEEP_REDIS_TEST",
  mysql: "TOKENKEEP_TEST_SQL_URL",
  mongo: "TOKENKEEP_MONGO_TEST_URL",
};

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
  const variable = VARIABLES[store];
  const env = { ...process.env, ...(variable !== undefined && { [variable]: url }) };
  try {
    await run(program, [cli, module, "--json", report], { cwd: project, env, timeout: 900_000 });
  } catch (error) {
    if (!existsSync(report)) throw error; // a failed case is in the report
  }
  return JSON.parse(await readFile(report, "utf8"));
}
