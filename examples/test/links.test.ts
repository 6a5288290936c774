import { statSync } from "node:fs";
import { join, posix } from "node:path";
import { expect, it } from "vitest";
import { markdownFiles, root, textOf } from "./docs/markdown.js";

const files = markdownFiles();

/** Without code, where brackets mean something else. */
function proseOf(file: string): string {
  return textOf(file)
    .replace(/^\s*(`{3,}|~{3,}).*?^\s*\1\s*$/gms, "")
    .replace(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""));
}

function linksOf(file: string): string[] {
  const prose = proseOf(file);
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)];
  const html = [...prose.matchAll(/\s(?:href|src)="([^"]+)"/g)];
  return [...inline, ...references, ...html].map(([, target]) => target!);
}

/** The anchors of a page, by GitHub's rule for headings. */
function anchorsOf(file: string): Set<string> {
  const anchors = new Set<string>();
  const text = textOf(file).replace(/^\s*(`{3,}|~{3,}).*?^\s*\1\s*$/gms, "");
  for (const [, heading] of text.matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const words = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = words.replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").replace(/\s/g, "-");
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  for (const [, id] of text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(id!);
  return anchors;
}

/** @returns what is wrong with a link, or undefined */
function problemOf(file: string, link: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(link)) return undefined; // another site: needs a network
  const [path = "", anchor] = link.split("#", 2);
  if (path.startsWith("/")) return "begins at the root of the site";
  const target = path === "" ? file : posix.join(posix.dirname(file), decodeURIComponent(path));
  if (target.startsWith("..")) return "leads out of the repository";
  const status = statSync(join(root, target), { throwIfNoEntry: false });
  if (status === undefined) return "leads nowhere";
  if (anchor === undefined || anchor === "") return undefined;
  const page = status.isDirectory() ? `${target.replace(/\/$/, "")}/README.md` : target;
  if (!page.endsWith(".md")) return undefined;
  return anchorsOf(page).has(anchor) ? undefined : "leads to no heading of that page";
}

it.each(files)("every relative link of %s leads somewhere", (file) => {
  const problems = linksOf(file).flatMap((link) => {
    const problem = problemOf(file, link);
    return problem === undefined ? [] : [`${link} ${problem}`];
  });
  expect(problems).toEqual([]);
});

it("there are links, and a wrong one is found", () => {
  expect(files.flatMap(linksOf).length).toBeGreaterThan(100);
  expect(problemOf("README.md", "docs/nothing.md")).toBe("leads nowhere");
  expect(problemOf("README.md", "packages/core#nothing")).toBe("leads to no heading of that page");
  expect(problemOf("README.md", "../elsewhere.md")).toBe("leads out of the repository");
});
