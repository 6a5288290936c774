// Publishes what npm does not have yet, each package by itself, private ones never: builds from nothing, checks,
// tries it all on a registry of this machine, and only then goes to npm. Versions are made before: docs/releasing.md.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { publishedPackages, root } from "./lib/workspace.mjs";

const packages = publishedPackages();

const changesets = readdirSync(join(root, ".changeset")).filter((name) => /^(?!README).*\.md$/.test(name));
if (changesets.length > 0) {
  refuse(
    `${changesets.length} changesets have not become versions yet. Run \`pnpm changeset version\`, read the ` +
      "changelogs, and commit both.",
  );
}
if (spawnSync("git", ["status", "--porcelain"], { cwd: root, encoding: "utf8" }).stdout !== "") {
  refuse("There are changes that are not committed. What is published has to be what is in the repository.");
}

// nothing of an earlier build gets out
for (const { folder } of packages) rmSync(join(root, folder, "dist"), { recursive: true, force: true });
step("turbo", ["run", "build", "--force", "--filter=!@tokenkeep/bench", "--output-logs=errors-only"]);
step(process.execPath, ["scripts/check-packages.mjs"]);
step(process.execPath, ["scripts/dry-run.mjs"]);
nameRepository();
step("changeset", ["publish"], { mayPublish: true });

/** Runs a command. The right to publish, where the workflow gives one, is for the last one alone. */
function step(command, args, { mayPublish = false } = {}) {
  const rights = mayPublish
    ? []
    : Object.keys(process.env).filter((name) => name.startsWith("ACTIONS_ID_TOKEN_"));
  const env = { ...process.env, ...Object.fromEntries(rights.map((name) => [name, undefined])) };
  console.log(`\n== ${command.split("/").at(-1)} ${args.join(" ")}`);
  const { status } = spawnSync(command, args, { cwd: root, env, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * npm's provenance wants the repository in the package.json. A package that names none gets the one that the
 * workflow runs in, in this checkout alone.
 */
function nameRepository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env;
  if (server === undefined || repository === undefined) return;
  for (const { folder, manifest } of packages) {
    if (manifest.repository !== undefined) continue;
    const named = {
      ...manifest,
      repository: { type: "git", url: `git+${server}/${repository}.git`, directory: folder },
    };
    writeFileSync(join(root, folder, "package.json"), `${JSON.stringify(named, null, 2)}\n`);
  }
}

function refuse(reason) {
  console.error(reason);
  process.exit(1);
}
