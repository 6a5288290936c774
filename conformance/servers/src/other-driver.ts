import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);

/**
 * Names the version of a driver that the kit's module is to load, and registers a test that child processes load it.
 *
 * @param driver the package, as the store imports it
 * @param other the name of its other version in `package.json`
 * @param module the kit's module, which calls `useOtherDriver`
 * @returns the version, like `3.0.0`
 */
export function nameOtherDriver(driver: string, other: string, module: URL): string {
  process.env.TOKENKEEP_TEST_DRIVER = other;
  const { name, version } = manifestOf(other, module);
  it(`the kit's child processes use ${name} ${version}`, async () => {
    const program = `await import(${JSON.stringify(module)}); console.log(import.meta.resolve("${driver}"));`;
    const cwd = dirname(fileURLToPath(module));
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], { cwd });
    expect(stdout).toContain(`${name}@${version}`);
  });
  return version;
}

/** A dependency's `package.json`, which it need not export. */
function manifestOf(dependency: string, module: URL): { name: string; version: string } {
  const folders = createRequire(module).resolve.paths(dependency) ?? [];
  const files = folders.map((folder) => join(folder, dependency, "package.json"));
  const file = files.find((each) => existsSync(each));
  if (file === undefined) throw new Error(`${dependency} is not installed. Run: pnpm install`);
  return JSON.parse(readFileSync(file, "utf8"));
}
