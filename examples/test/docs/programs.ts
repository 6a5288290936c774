// Runs a program of the documentation as a user would: as it stands, beside the installed packages, in a directory
// of its own.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Block, isCode, JAVASCRIPT, root } from "./markdown.js";
import { giveDatabases, type Place, type Scheme, SETTINGS } from "./settings.js";

export type Kind = "run" | "compiled" | "shown" | "not code" | "nothing";

/** What is done with a block. `nothing` is what the test does not allow. */
export function kindOf({ language, text, instructions }: Block): Kind {
  // a block without a language that looks like a program is one
  const looksLikeCode = language === "" && /^(import|export|const|let|await|class|function)\s/m.test(text);
  if (!isCode(language)) return looksLikeCode ? "nothing" : "not code";
  if (instructions.shows !== undefined) return "shown";
  if (instructions["compiled after"] !== undefined) return "compiled";
  return JAVASCRIPT.has(language) && settingsOf(instructions["runs with"]).every((name) => name in SETTINGS)
    ? "run"
    : "nothing";
}

function settingsOf(names = ""): string[] {
  return names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** The servers that a program needs, by the URLs in it. */
export function schemesOf({ text }: Block): Scheme[] {
  return (["redis", "mysql", "postgres", "mongodb"] as const).filter((scheme) =>
    text.includes(`"${scheme}://`),
  );
}

/** The texts to run: with Zoho's SDK for TypeScript in it, once more with the one for Node.js. */
export function variantsOf({ text }: Block): string[] {
  if (!text.includes("@zohocrm/typescript-sdk-8.0")) return [text];
  const withNode = text
    .replaceAll("typescript-sdk-8.0/dist/", "nodejs-sdk-8.0/lib/")
    .replaceAll("typescript-sdk", "nodejs-sdk");
  return [text, withNode];
}

export interface Outcome {
  readonly output: string;
  readonly place: Place;
}

/**
 * @param block a whole program
 * @param text the variant to run
 * @param urls the servers, by scheme
 */
export async function run(block: Block, text: string, urls: Place["urls"] = {}): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), "tokenkeep-docs-"));
  const ends: (() => Promise<unknown>)[] = [];
  const place: Place = { directory, env: {}, text, urls: { ...urls }, onEnd: (work) => ends.unshift(work) };
  const program = join(root, "examples", `.docs-${block.name.replaceAll(/\W+/g, "-")}-${process.pid}.mjs`);
  try {
    await giveDatabases(place);
    for (const name of settingsOf(block.instructions["runs with"])) await SETTINGS[name]!(place);
    await writeFile(program, place.text);
    const options = { cwd: directory, env: { ...process.env, ...place.env }, timeout: 30_000 };
    const { stdout } = await promisify(execFile)(process.execPath, [program], options);
    return { output: stdout, place };
  } finally {
    await rm(program, { force: true });
    for (const end of ends) await end();
    await rm(directory, { recursive: true });
  }
}
