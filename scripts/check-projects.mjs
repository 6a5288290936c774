// The packed packages in the projects that people have: installed by npm, pnpm and Yarn, and in bundles that run where
// no package is installed.
import { copyFile, cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packPackages, projectOf } from "./lib/pack.mjs";
import { pnpm, root, run, versionsOf } from "./lib/workspace.mjs";
import { installYarn, yarnInstall } from "./lib/yarn.mjs";

const PROGRAM = "app.mjs";
const BUNDLERS = {
  esbuild: "^0.28.0",
  rollup: "^4.0.0",
  "@rollup/plugin-node-resolve": "^16.0.0",
  "@rollup/plugin-commonjs": "^29.0.0",
  "@rollup/plugin-json": "^6.0.0",
  webpack: "^5.0.0",
  "webpack-cli": "^7.0.0",
  vite: "^8.0.0",
};
// esbuild's ES modules have no `require`, which the CommonJS of some drivers needs
const BANNER =
  'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';

const ESBUILD = ["esbuild", PROGRAM, "--bundle", "--platform=node"];

/** How each bundler makes `out/<its name>/app.*`, and the files that it needs. */
const BUNDLES = {
  "esbuild-esm": {
    command: [...ESBUILD, "--format=esm", `--banner:js=${BANNER}`, "--outfile=out/esbuild-esm/app.mjs"],
  },
  "esbuild-cjs": { command: [...ESBUILD, "--format=cjs", "--outfile=out/esbuild-cjs/app.cjs"] },
  rollup: {
    files: {
      "rollup.config.mjs": `
        import commonjs from "@rollup/plugin-commonjs";
        import json from "@rollup/plugin-json";
        import resolve from "@rollup/plugin-node-resolve";
        export default {
          input: "${PROGRAM}",
          output: { dir: "out/rollup", entryFileNames: "app.mjs" },
          plugins: [resolve({ preferBuiltins: true }), commonjs(), json()],
        };`,
    },
    command: ["rollup", "--config"],
  },
  webpack: {
    files: {
      "webpack.config.cjs": `module.exports = {
        mode: "none", target: "node", entry: "./${PROGRAM}",
        output: { path: __dirname + "/out/webpack", filename: "app.cjs" },
      };`,
    },
    command: ["webpack"],
  },
  "vite-ssr": {
    files: {
      "vite.config.mjs": `export default {
        build: { ssr: "${PROGRAM}", outDir: "out/vite-ssr", rollupOptions: { output: { entryFileNames: "app.mjs" } } },
        ssr: { noExternal: true },
      };`,
    },
    command: ["vite", "build"],
  },
};

const folder = await mkdtemp(join(tmpdir(), "tokenkeep-projects-"));
const { "better-sqlite3": _, ...drivers } = versionsOf(); // a bundle can't have a native part
let failed = 0;
try {
  const tarballs = await packPackages(folder);
  const manifest = projectOf(tarballs, { dependencies: drivers });
  const yarn = await installYarn(folder);

  await check("installed by pnpm", () => inProject("pnpm", installWithPnpm));
  for (const linker of ["node-modules", "pnp"]) {
    const node =
      linker === "pnp" ? ["--require", "./.pnp.cjs", "--experimental-loader", "./.pnp.loader.mjs"] : [];
    const install = (project) => yarnInstall(yarn, project, manifest, linker);
    await check(`installed by Yarn, ${linker}`, () => inProject(`yarn-${linker}`, install, node));
  }
  let project;
  await check("installed by npm", async () => {
    project = await inProject("npm", installWithNpm);
  });
  for (const [name, bundle] of Object.entries(BUNDLES)) {
    await check(`bundled by ${name}`, () => runBundle(project, name, bundle));
  }

  async function installWithNpm(project) {
    const text = JSON.stringify({ ...manifest, dependencies: { ...manifest.dependencies, ...BUNDLERS } });
    await writeFile(join(project, "package.json"), text);
    await run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: project });
  }

  async function installWithPnpm(project) {
    const { overrides, ...rest } = manifest;
    await writeFile(join(project, "package.json"), JSON.stringify(rest));
    await writeFile(join(project, "pnpm-workspace.yaml"), JSON.stringify({ overrides })); // JSON is YAML
    await pnpm(["install", "--no-lockfile"], { cwd: project });
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;

async function check(what, work) {
  try {
    await work();
    console.log(`${what}: starts and saves a token`);
  } catch (error) {
    failed++;
    console.error(`${what} FAILED: ${error.message}`);
  }
}

/** Installs a project and runs the app in it. @returns {Promise<string>} its folder */
async function inProject(name, install, node = []) {
  const project = join(folder, name);
  await mkdir(project);
  await install(project);
  await copyFile(join(root, "scripts/lib/consumer", PROGRAM), join(project, PROGRAM));
  await run(process.execPath, [...node, PROGRAM], { cwd: project, timeout: 60_000 });
  return project;
}

async function runBundle(project, name, { files = {}, command: [bundler, ...args] }) {
  for (const [file, text] of Object.entries(files)) await writeFile(join(project, file), text);
  await run(join(project, "node_modules/.bin", bundler), args, { cwd: project });
  const elsewhere = await mkdtemp(join(tmpdir(), "tokenkeep-bundle-"));
  try {
    await cp(join(project, "out", name), elsewhere, { recursive: true });
    const app = (await readdir(elsewhere)).find((file) => /^app\.[cm]js$/.test(file));
    await run(process.execPath, [app], { cwd: elsewhere, timeout: 60_000 });
  } finally {
    await rm(elsewhere, { recursive: true });
  }
}
