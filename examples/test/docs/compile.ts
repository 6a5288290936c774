// Compiles the fragments of the documentation, each behind the lines that its instructions put in front.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Block, root } from "./markdown.js";

const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");

/** @returns what the compiler says, with the fragment's place in the documentation in front of each line */
export function compile(fragments: readonly Block[]): string[] {
  // beside the installed packages, so that they are found
  const folder = join(root, "examples", `.docs-fragments-${process.pid}`);
  mkdirSync(folder);
  try {
    fragments.forEach((fragment, index) => {
      const before = fragment.instructions["compiled after"] ?? "";
      writeFileSync(join(folder, `${index}.mts`), `${before}\n${fragment.text}\nexport {};\n`);
    });
    const config = {
      extends: "../../tsconfig.base.json",
      // as strict as for us, but a fragment of JavaScript says no types
      compilerOptions: {
        noEmit: true,
        noImplicitAny: false,
        isolatedDeclarations: false,
        declaration: false,
        declarationMap: false,
      },
      include: ["*.mts"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const { stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--pretty", "false"], {
      encoding: "utf8",
    });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(/^.*?(\d+)\.mts\(\d+,\d+\)/, (_, index) => fragments[Number(index)]!.name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
