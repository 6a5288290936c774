import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { describeOnServer, type ServerName } from "@tokenkeep/test-servers";
import { describe, expect, it } from "vitest";
import { compile } from "./docs/compile.js";
import { type Block, blocksOf, GENERATED, markdownFiles, textOf } from "./docs/markdown.js";
import { kindOf, run, schemesOf, variantsOf } from "./docs/programs.js";
import type { Place, Scheme } from "./docs/settings.js";

const blocks = markdownFiles()
  .filter((file) => !file.startsWith(GENERATED))
  .flatMap(blocksOf);
const ofKind = (kind: string): Block[] => blocks.filter((block) => kindOf(block) === kind);

const SERVERS: readonly [Scheme, ServerName][] = [
  ["redis", "redis"],
  ["mysql", "mysql"],
  ["postgres", "postgres"],
  ["mongodb", "ferretdb"],
];

it("every block of code in the documentation is run, compiled, or the content of a file", () => {
  expect(ofKind("nothing").map(({ name }) => name)).toEqual([]);
  const served = ["", ...SERVERS.map(([scheme]) => scheme)];
  expect(ofKind("run").filter((block) => !served.includes(String(schemesOf(block))))).toEqual([]);
  expect(ofKind("run").length).toBeGreaterThan(10);
  expect(ofKind("compiled").length).toBeGreaterThan(3);
});

it("every fragment compiles", () => {
  const wrong = { ...ofKind("compiled")[0]!, name: "wrong.md:1", text: "await store.findTokens({});\n" };
  expect(compile([wrong])).toEqual([expect.stringMatching(/^wrong\.md:1: error TS2/)]);
  expect(compile(ofKind("compiled"))).toEqual([]);
});

it.each(ofKind("shown"))("$name is the content of its file", ({ text, instructions }) => {
  expect(text).toBe(textOf(instructions.shows!));
  // and some other test names it, to run it
  const tests = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".test.ts"));
  const name = basename(instructions.shows!);
  expect(tests.filter((file) => textOf(`examples/test/${file}`).includes(name))).not.toEqual([]);
});

/** Registers the programs that need these servers and no others. */
function register(schemes: readonly Scheme[], urls: Place["urls"]): void {
  const own = ofKind("run").filter((block) => String(schemesOf(block)) === String(schemes));
  for (const block of own) {
    for (const [index, text] of variantsOf(block).entries()) {
      const title = index === 0 ? "runs as it stands" : "runs with the other SDK";
      it(`${block.name} ${title}`, async () => {
        const { output } = await run(block, text, urls);
        expect(output).not.toBe("");
        expect(output).toContain(block.instructions.prints ?? "");
        expect(output).not.toMatch(/refreshToken: '1000/);
      });
    }
  }
}

describe("the programs that need no server", () => register([], {}));

for (const [scheme, name] of SERVERS) {
  await describeOnServer(name, ({ url }) => register([scheme], { [scheme]: url }));
}
