// The table of the matrix, on the terminal and in docs/runtimes.md.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./workspace.mjs";

const file = join(root, "docs/runtimes.md");
const [BEGIN, END] = ["<!-- Written by `pnpm matrix --page`. -->\n", "<!-- Its end. -->\n"];
const NOTHING = "–";

/**
 * @param {Map<string, Record<string, string>>} table the cells by the label of the runtime, such as "Node 22.23.5"
 * @param {string[]} order the names of all columns
 */
export function markdownOf(table, order) {
  const columns = order.filter((name) => [...table.values()].some((row) => name in row));
  const lines = [
    ["runtime", ...columns],
    ["---", ...columns.map(() => "---")],
    ...[...table].map(([label, row]) => [label, ...columns.map((column) => row[column] ?? NOTHING)]),
  ];
  return `${lines.map((line) => `| ${line.join(" | ")} |`).join("\n")}\n`;
}

/**
 * Writes the table into the page. Cells that were not run stay, unless they are of another version of the runtime.
 * @param {Map<string, Record<string, string>>} table
 * @param {string[]} order the names of all columns
 */
export async function writePage(table, order) {
  const text = await readFile(file, "utf8");
  const [before, rest] = text.split(BEGIN);
  const [written, after] = rest.split(END);
  const merged = parse(written);
  for (const [label, row] of table) {
    const old = [...merged.keys()].find((each) => titleOf(each) === titleOf(label));
    const kept = old === label ? merged.get(old) : {};
    if (old !== label) merged.delete(old);
    merged.set(label, { ...kept, ...row });
  }
  const sorted = [...merged].sort(([a], [b]) => rankOf(a) - rankOf(b));
  await writeFile(file, `${before}${BEGIN}\n${markdownOf(new Map(sorted), order)}\n${END}${after}`);
}

/** "Node 22" of "Node 22.23.5", and "Bun" of "Bun 1.4.5". */
function titleOf(label) {
  return /^Node \d+|^\w+/.exec(label)[0];
}

function rankOf(label) {
  const title = titleOf(label);
  return title.startsWith("Node") ? Number(title.slice(5)) : 100 + title.charCodeAt(0);
}

function parse(markdown) {
  const lines = markdown.split("\n").filter((line) => line.startsWith("|"));
  const [[, ...columns] = [], , ...rows] = lines.map((line) => line.slice(2, -2).split(" | "));
  return new Map(
    rows.map(([label, ...cells]) => [
      label,
      Object.fromEntries(columns.map((name, i) => [name, cells[i]]).filter(([, text]) => text !== NOTHING)),
    ]),
  );
}
