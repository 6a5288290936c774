// The Markdown of this repository, and the code blocks in it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));

// what is installed or built; docs/api is made of the sources, and checked against them by its generator's test
const PASSED_OVER = new Set(["node_modules", "dist", ".git", ".turbo", "test-report", ".changeset"]);
export const GENERATED = "docs/api/";

/** Every Markdown file, as a path from the root. */
export function markdownFiles(folder = ""): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return PASSED_OVER.has(entry.name) ? [] : markdownFiles(path);
      return entry.name.endsWith(".md") ? [path] : [];
    })
    .sort();
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** What a comment above a block says of it, by its first words; see {@link blocksOf}. */
export interface Instructions {
  /** A fragment: these lines go in front, and it is compiled. */
  readonly "compiled after"?: string;
  /** The content of this file, which other tests run. */
  readonly shows?: string;
  /** A program that needs these things, by the names of `settings.ts`. */
  readonly "runs with"?: string;
  /** What the program's output has in it. */
  readonly prints?: string;
}

export interface Block {
  readonly file: string;
  readonly line: number;
  /** `packages/redis/README.md:34`. */
  readonly name: string;
  /** The first word behind the fence; empty where there is none. */
  readonly language: string;
  readonly text: string;
  readonly instructions: Instructions;
}

export const JAVASCRIPT: ReadonlySet<string> = new Set(["js", "mjs", "javascript"]);
const OTHER_CODE = new Set(["ts", "mts", "typescript", "cjs", "cts", "jsx", "tsx"]);

export function isCode(language: string): boolean {
  return JAVASCRIPT.has(language) || OTHER_CODE.has(language);
}

const KEYS = ["compiled after", "shows", "runs with", "prints"] as const;

/** The code blocks of a file. A comment right above a block, invisible to readers, says how it is tested. */
export function blocksOf(file: string): Block[] {
  const lines = textOf(file).split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)(`{3,}|~{3,})\s*(\S*)/.exec(lines[at] ?? "");
    if (fence === null) continue;
    const [, indent = "", marks = "", language = ""] = fence;
    const end = lines.findIndex((line, index) => index > at && line.trim() === marks);
    if (end < 0) throw new Error(`${file}:${at + 1}: the block does not end`);
    const body = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
    blocks.push({
      file,
      line: at + 1,
      name: `${file}:${at + 1}`,
      language,
      text: body.map((line) => `${line}\n`).join(""),
      // above what is no code, a comment may mean anything
      instructions: isCode(language) ? instructionsOf(commentAbove(lines, at), `${file}:${at + 1}`) : {},
    });
    at = end;
  }
  return blocks;
}

function commentAbove(lines: readonly string[], at: number): string {
  let end = at - 1;
  while (lines[end]?.trim() === "") end--;
  if (!lines[end]?.trimEnd().endsWith("-->")) return "";
  let start = end;
  while (start >= 0 && !lines[start]?.trimStart().startsWith("<!--")) start--;
  const comment = lines.slice(start, end + 1).join("\n");
  return comment.trim().slice("<!--".length, -"-->".length);
}

function instructionsOf(comment: string, name: string): Instructions {
  const found: Record<string, string> = {};
  let text = comment.trim();
  while (text !== "") {
    const key = KEYS.find((known) => text.startsWith(`${known}:`));
    if (key === undefined) throw new Error(`${name}: what is ${JSON.stringify(text.split("\n", 1)[0])}?`);
    const rest = text.slice(key.length + 1);
    const end = key === "compiled after" ? rest.length : rest.search(/\n/) + 1 || rest.length;
    found[key] = rest.slice(0, end).trim();
    text = rest.slice(end).trim();
  }
  return found;
}
