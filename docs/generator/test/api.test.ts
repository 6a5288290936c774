import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { generate } from "../generate.mjs";

const committed = fileURLToPath(new URL("../../api", import.meta.url));
let directory: string;
let problems: readonly string[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tokenkeep-api-"));
  problems = await generate(directory);
});
afterAll(() => rm(directory, { recursive: true }));

async function pagesOf(folder: string): Promise<Record<string, string>> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const pages = files
    .filter((file) => file.isFile())
    .map(async (file): Promise<[string, string]> => {
      const path = join(file.parentPath, file.name);
      return [path.slice(folder.length + 1), await readFile(path, "utf8")];
    });
  return Object.fromEntries(await Promise.all(pages));
}

it("every public symbol has a docstring that leaves nothing out", () => {
  expect(problems).toEqual([]);
});

it("docs/api is what the docstrings say (otherwise: pnpm docs:api)", async () => {
  expect(await pagesOf(directory)).toEqual(await pagesOf(committed));
});
