// A release, all but the last step: publishes every package to a registry on this machine, installs each by
// itself in an empty project as its README says, runs the README's first program, and looks at what came along.
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkWhatCame, weightOf } from "./lib/installed.mjs";
import { atTestedVersions, readReadme, runProgram } from "./lib/readme.mjs";
import { startRegistry } from "./lib/registry.mjs";
import { onServer, SERVER_OF } from "./lib/servers.mjs";
import { pnpm, publishedPackages, root, run } from "./lib/workspace.mjs";

/** The most that a package may weigh unpacked, in bytes. */
const LIMITS = {
  "@tokenkeep/core": 330_000,
  "@tokenkeep/conformance": 600_000,
  "@tokenkeep/oauth2": 200_000,
  tokenkeep: 250_000,
  adapter: 120_000,
};

const folder = await mkdtemp(join(tmpdir(), "tokenkeep-dry-run-"));
const registry = await startRegistry(folder);
const environment = {
  ...process.env,
  npm_config_registry: registry.url,
  npm_config_cache: join(folder, "cache"),
};
const notRun = [];
const failed = [];
try {
  const packages = publishedPackages();
  const publisher = { cwd: root, env: { ...process.env, ...registry.environment } };
  await pnpm(["exec", "changeset", "publish", "--no-git-tag"], publisher);
  console.log(`published to a registry on this machine: ${packages.length} packages`);

  const each = packages.filter(({ name }) => name !== "@tokenkeep/core"); // it comes along with all others
  for (const { name, folder: source } of each) {
    try {
      const project = await emptyProject(name);
      const outcome = await tryPackage(project, name, source);
      console.log(`${name}: ${outcome}`);
    } catch (error) {
      failed.push(name);
      console.error(`${name} FAILED: ${error.message}`);
    }
  }
  for (const sentence of notRun) console.log(`NOT RUN: ${sentence}`);
  const passed = each.length - failed.length - notRun.length;
  console.log(`\n${passed} passed, ${failed.length} failed, ${notRun.length} skipped`);
  process.exitCode = failed.length > 0 ? 1 : 0;
} finally {
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
}

async function emptyProject(name) {
  const project = join(folder, name.split("/").at(-1));
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "empty-project", private: true }));
  return project;
}

async function install(project, names) {
  const native = names.includes("better-sqlite3");
  const flags = ["--no-audit", "--no-fund", "--loglevel=error", ...(native ? ["--ignore-scripts"] : [])];
  await run("npm", ["install", ...flags, ...atTestedVersions(names)], { cwd: project, env: environment });
  if (!native) return;
  // compiling it takes a minute, and the workspace has the same version compiled already
  const built = "node_modules/better-sqlite3/build";
  await cp(join(root, "packages/sqlite", built), join(project, built), {
    recursive: true,
    dereference: true,
  });
}

function tryPackage(project, name, source) {
  if (name === "@tokenkeep/conformance") return tryKit(project);
  return name === "tokenkeep" ? tryCommand(project) : tryAdapter(project, name, source);
}

/** The command, installed next to an adapter as its README says. */
async function tryCommand(project) {
  const names = ["tokenkeep", "@tokenkeep/sqlite", "better-sqlite3"];
  await install(project, names);
  await checkWhatCame(project, names);
  const command = (...args) => run("npx", ["--no-install", "tokenkeep", ...args], { cwd: project });
  await command("migrate", "--yes", "--store", "sqlite:tokens.db");
  const printed = await command("doctor", "--store", "sqlite:tokens.db");
  if (!printed.includes("healthy")) throw new Error(`tokenkeep doctor printed: ${printed}`);
  return `${await weighed(project, "tokenkeep")}; made a store and found it healthy`;
}

async function tryAdapter(project, name, source) {
  const readme = await readReadme(source);
  await install(project, readme.install);
  const came = await checkWhatCame(project, readme.install);
  const weights = await Promise.all([name, "@tokenkeep/core"].map((each) => weighed(project, each)));
  // the SDK is what its user has already
  const sdk = /"(@zohocrm\/[^"]*)"/.exec(readme.program)?.[1];
  if (sdk !== undefined) await install(project, [...readme.install, sdk]);

  const server = SERVER_OF[name];
  const work = async (url) => {
    await runProgram(project, readme.program, { url });
    return `its README's program ran${server === undefined ? "" : ` on ${server}`}`;
  };
  let outcome = server === undefined ? await work() : await onServer(server, work);
  if (outcome.includes("NOT RUN")) {
    notRun.push(`the program of ${source}/README.md: ${outcome}`);
    outcome = "its README's program was NOT RUN";
  }
  return `${weights.join(", ")}, ${came} packages with all of the driver's; ${outcome}`;
}

async function tryKit(project) {
  await install(project, ["@tokenkeep/conformance", "@tokenkeep/memory"]);
  await checkWhatCame(project, ["@tokenkeep/conformance", "@tokenkeep/memory", "fast-check"]);
  await writeFile(
    join(project, "my-store.mjs"),
    `import { MemoryTokenStore } from "@tokenkeep/memory";
     export default { name: "my-store", open: (_space, options) => new MemoryTokenStore(options) };`,
  );
  await run("npx", ["--no-install", "@tokenkeep/conformance", "./my-store.mjs", "--only", "3"], {
    cwd: project,
  });
  return `${await weighed(project, "@tokenkeep/conformance")}; passed a store of its user's by npx`;
}

async function weighed(project, name) {
  const weight = await weightOf(project, name);
  const limit = LIMITS[name] ?? LIMITS.adapter;
  const text = `${name.split("/").at(-1)} ${(weight / 1000).toFixed(1)} kB of ${limit / 1000}`;
  if (weight > limit) throw new Error(`Too heavy: ${text}.`);
  return text;
}
