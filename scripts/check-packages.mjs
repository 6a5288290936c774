// Packs every published package, lints the tarball, installs core, an adapter and the kit from their
// tarballs in an empty project, and runs a small program on each.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
const packages = [...readdirSync("packages").map((name) => join("packages", name)), "conformance"];
const project = mkdtempSync(join(tmpdir(), "tokenkeep-tarballs-"));

try {
  const tarballs = {};
  for (const folder of packages) {
    const { name } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const packed = JSON.parse(run("pnpm", ["pack", "--json", "--pack-destination", project], folder));
    tarballs[name] = resolve(project, packed.filename);
    run("publint", ["--strict", tarballs[name]]);
    // this project is ESM only: `require()` of ESM is for the Nodes that allow it
    run("attw", [tarballs[name], "--profile", "esm-only", "--format", "ascii"]);
    console.log(`${name}: publint and attw are clean`);
  }

  const wanted = ["@tokenkeep/core", "@tokenkeep/memory", "@tokenkeep/sqlite", "@tokenkeep/conformance"];
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({
      name: "empty-project",
      private: true,
      type: "module",
      dependencies: Object.fromEntries(wanted.map((name) => [name, `file:${tarballs[name]}`])),
      // what is not asked for by name still comes from a tarball, not from a registry
      overrides: Object.fromEntries(wanted.map((name) => [name, `file:${tarballs[name]}`])),
    }),
  );
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], project);
  for (const program of ["core", "adapter", "kit"]) {
    const file = join(project, `${program}.mjs`);
    writeFileSync(file, readFileSync(new URL(`./tarball-programs/${program}.mjs`, import.meta.url)));
    process.stdout.write(`${program} from its tarball: ${run(process.execPath, [file], project)}`);
  }
} finally {
  rmSync(project, { recursive: true, force: true });
}
