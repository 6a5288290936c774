// What a README tells its reader to do first, done.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startZoho } from "../../examples/zoho-stand-in/dist/index.js";
import { root, run, thisNode, versionsOf } from "./workspace.mjs";

/**
 * @param {string} folder the package's
 * @returns {Promise<{ install: string[], program: string }>} the words after `npm install` of its first
 *   command, a driver with the version that the repository is tested with; and its first program
 */
export async function readReadme(folder) {
  const text = await readFile(join(root, folder, "README.md"), "utf8");
  const install = /^```sh\nnpm install (.*)$/m.exec(text)?.[1].split(" ");
  // what the READMEs say of Node 20
  const isWithoutSqlite = process.getBuiltinModule?.("node:sqlite") === undefined;
  if (install?.includes("@tokenkeep/sqlite") && isWithoutSqlite) install.push("better-sqlite3");
  const program = /^```js\n(.*?)^```/ms.exec(text)?.[1];
  if (install === undefined || program === undefined) {
    throw new Error(`${folder}/README.md has no \`npm install …\` or no program.`);
  }
  return { install, program };
}

/** Drivers at the version that this repository is tested with, the rest as it is. */
export function atTestedVersions(names) {
  return names.map((name) => {
    const version = /^(@tokenkeep\/|tokenkeep$)/.test(name) ? undefined : versionsOf([name])[name];
    return version === undefined ? name : `${name}@${version}`;
  });
}

/**
 * Runs a README's program in a project that has what it imports. All that is not as it stands is where the
 * server is, if there is one.
 * @param {{ runtime?: { program: string, args: string[] }, url?: string }} [options] what runs it, and the server's URL
 * @returns {Promise<string>} what it printed
 */
export async function runProgram(project, program, { runtime = thisNode, url } = {}) {
  const file = join(project, "program.mjs");
  if (program.includes("zohocrm")) return withZoho(program, runText);
  return runText(
    url === undefined ? program : program.replace(/"(redis|mysql|mongodb|postgres):\/\/[^"]*"/, `"${url}"`),
  );

  async function runText(text, variables = {}) {
    await writeFile(file, text);
    const env = { ...process.env, ...variables };
    const printed = await run(runtime.program, [...runtime.args, file], {
      cwd: project,
      env,
      timeout: 60_000,
    });
    if (printed === "") throw new Error(`${file} printed nothing.`);
    return printed;
  }
}

async function withZoho(program, work) {
  const zoho = await startZoho();
  try {
    const grantToken = zoho.grant("1000.CLIENT", { email: "ann@example.com", zgid: "1" });
    const there = `new sdk.Environment("${zoho.url}", "${zoho.url}/oauth/v2/token", "${zoho.url}")`;
    const changed = program.replace("sdk.USDataCenter.PRODUCTION()", there);
    const printed = await work(changed, { ZOHO_GRANT_TOKEN: grantToken });
    if (!zoho.requests.includes("grant")) throw new Error("The program never asked Zoho for a token.");
    return printed;
  } finally {
    await zoho.stop();
  }
}
