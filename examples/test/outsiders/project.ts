// A project of examples/outsiders as its author has it: in a folder of its own, with what npm installs, and of
// tokenkeep's packages nothing but the tarballs.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packPackages } from "../../../scripts/lib/pack.mjs";

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  /** All that it printed. */
  readonly output: string;
}

export class Project {
  readonly folder: string;
  readonly #env: Record<string, string>;

  private constructor(folder: string, env: Record<string, string>) {
    this.folder = folder;
    this.#env = env;
  }

  /** Copies a project, installs it, and builds it if there is something to build. */
  static async install(name: string, env: Record<string, string> = {}): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), `tokenkeep-outsider-${name}-`));
    const project = new Project(folder, env);
    await cp(fileURLToPath(new URL(`../../outsiders/${name}/`, import.meta.url)), folder, {
      recursive: true,
    });
    const packages = await packPackages(folder, { names: ["@tokenkeep/core", "@tokenkeep/conformance"] });
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await project.mustRun("npm", ["install", "--prefer-offline", ...quiet, ...Object.values(packages)]);
    await project.mustRun("npm", ["run", "--if-present", "build"]);
    return project;
  }

  run(command: string, args: readonly string[]): Promise<Outcome> {
    const options = { cwd: this.folder, env: this.#environment(), maxBuffer: 2 ** 26 };
    return new Promise((resolve) => {
      const child = execFile(command, args, options, (_error, stdout, stderr) => {
        resolve({ status: child.exitCode ?? -1, stdout, output: stdout + stderr });
      });
    });
  }

  /** @throws Error with all that was printed, unless it ends with 0 */
  async mustRun(command: string, args: readonly string[]): Promise<Outcome> {
    const outcome = await this.run(command, args);
    if (outcome.status === 0) return outcome;
    throw new Error(`${[command, ...args].join(" ")} ended with ${outcome.status}:\n${outcome.output}`);
  }

  // without what the test runner and the package manager around this one have set
  #environment(): Record<string, string | undefined> {
    const own = Object.entries(process.env).filter(
      ([name]) => !/^(VITEST|NODE_ENV$|npm_(?!config))/.test(name),
    );
    return { ...Object.fromEntries(own), ...this.#env };
  }

  read(file: string): Promise<string> {
    return readFile(join(this.folder, file), "utf8");
  }

  /** Runs `work` while a file has another text in it in place of a part of its own. */
  async whileBroken(file: string, part: string, other: string, work: () => Promise<void>): Promise<void> {
    const text = await this.read(file);
    if (!text.includes(part)) throw new Error(`${file} has no ${part}`);
    await writeFile(join(this.folder, file), text.replace(part, other));
    try {
      await work();
    } finally {
      await writeFile(join(this.folder, file), text);
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
