import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { faster, type Group, type Verdict } from "../judge.js";
import { type BackendResult, callersText, duration, written } from "../measure-backend.js";
import { plot } from "./plot.js";

const DOCS = new URL("../../../docs/", import.meta.url);
const RESULTS = new URL("benchmarks/results.json", DOCS);
/** The order of the page. */
const ORDER = ["memory", "file", "sqlite", "mysql", "redis", "mongo"];

/**
 * Writes `docs/benchmarks.md` and its plots anew. What was not measured this time stays as it was in
 * `results.json`.
 * @param notes what a reader has to know of each backend; not stored, so that better words need no other run
 * @returns the files written
 */
export function writePage(results: readonly BackendResult[], notes: Notes): string[] {
  mkdirSync(new URL("benchmarks/", DOCS), { recursive: true });
  const all = new Map(read().map((result) => [result.name, result]));
  for (const result of results) all.set(result.name, result);
  const sorted = ORDER.flatMap((name) => all.get(name) ?? []);
  writeFileSync(RESULTS, `[\n${sorted.map((result) => JSON.stringify(result)).join(",\n")}\n]\n`);
  for (const result of results) writeFileSync(new URL(`benchmarks/${result.name}.svg`, DOCS), plot(result));
  writeFileSync(new URL("benchmarks.md", DOCS), page(sorted, notes));
  return [
    "docs/benchmarks.md",
    "docs/benchmarks/results.json",
    ...results.map(({ name }) => `docs/benchmarks/${name}.svg`),
  ];
}

function read(): BackendResult[] {
  try {
    return JSON.parse(readFileSync(RESULTS, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The notes of each backend, by the name that it has on the command line. */
export type Notes = Readonly<Record<string, readonly string[]>>;

/** The page as Markdown. */
export function page(results: readonly BackendResult[], notes: Notes): string {
  return `# Benchmarks

<!-- Made by \`pnpm bench\`. Not to be edited: run it again. -->

Each store beside the bare driver under it and beside its peers: the stores that come with Zoho's SDK, the adapters
of keyv, and Shopify's session storages. \`npx --yes pnpm bench\` measures all of them and writes this page;
\`npx --yes pnpm bench redis --page\` does one backend anew.

**How it is measured.** In each setting all of them take turns of a fraction of a second, round after round, so that
a slow minute of the machine meets everyone. The rate is the median of the rounds. In brackets: how long one call took,
median and 99th percentile. Comparisons are made round by round. *Find* looks a token up by user and client, or by the
key that the peer has for it; *save* stores a new access token of a user whose token was found or saved a moment ago,
as after a refresh. The servers run on the same machine, so the network costs next to nothing here. Compare within a
table, not between machines.

**Read the durability first.** A save that waits for the disk can't be as fast as one that does not.

${results.map((result) => section(result, notes[result.name] ?? [])).join("\n")}`;
}

function section(result: BackendResult, notes: readonly string[]): string {
  const { backend, name, server, date, machine, groups, options } = result;
  const finds = groups.filter(({ job }) => job === "find");
  const saves = groups.filter(({ job }) => job === "save");
  return `## ${backend}

${server === undefined ? "" : `${server}. `}${machine}. ${date}. ${options.rounds} rounds of ${options.turnMs} ms.

![${backend}: calls per second, by number of callers and tokens](benchmarks/${name}.svg)

${table("Find", finds)}
${table("Save", saves)}
| after a save has resolved | |
| --- | --- |
${durabilities(groups)}

${wanted(result.verdicts)}
${ahead(groups)}
${notes.map((note) => `- ${note}`).join("\n")}
`;
}

function table(title: string, groups: readonly Group[]): string {
  const rows = new Map<string, string[]>();
  for (const [column, group] of groups.entries()) {
    for (const { name, size, perSecond, p50, p99 } of group.measured) {
      const key = `${name} | ${written(size)}`;
      if (!rows.has(key))
        rows.set(
          key,
          groups.map(() => "—"),
        );
      rows.get(key)![column] = `${rate(perSecond)}/s (${duration(p50)}, ${duration(p99)})`;
    }
  }
  const sorted = [...rows].sort(([a], [b]) => sizeOf(a) - sizeOf(b));
  return `| ${title} | tokens | ${groups.map(({ callers }) => callersText(callers)).join(" | ")} |
| --- | ---: | ${groups.map(() => "---:").join(" | ")} |
${sorted.map(([key, cells]) => `| ${key} | ${cells.join(" | ")} |`).join("\n")}
`;
}

const sizeOf = (key: string): number => Number(key.split(" | ")[1]!.replaceAll(",", ""));

/** Three digits say all that such a number knows. */
function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toPrecision(2) : written(Number(perSecond.toPrecision(3)));
}

function durabilities(groups: readonly Group[]): string {
  const seen = new Map(
    groups.flatMap(({ measured }) => measured).map(({ name, durability }) => [name, durability]),
  );
  return [...seen].map(([name, durability]) => `| ${name} | ${durability} |`).join("\n");
}

function wanted(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return "";
  const missed = verdicts.filter(({ met }) => !met);
  const line = ({ job, callers, size, text, value }: Verdict) =>
    `- ${job}, ${callersText(callers)}, ${written(size)} tokens: ${text}; seen ${value.toFixed(2)} ×`;
  return `What we want of ourselves: ${[...new Set(verdicts.map(({ job, text }) => `${job} ${text}`))].join("; ")}. Met in ${
    verdicts.length - missed.length
  } of ${verdicts.length} settings${missed.length === 0 ? "." : `, missed in these:\n\n${missed.map(line).join("\n")}`}
`;
}

function ahead(groups: readonly Group[]): string {
  const lines = groups.flatMap((group) =>
    faster(group).map(
      ({ name, size, times }) =>
        `- ${group.job}, ${callersText(group.callers)}, ${written(size)} tokens: ${name}, ${times.toFixed(2)} ×`,
    ),
  );
  return lines.length === 0
    ? "No peer was faster than the store in any setting.\n"
    : `Where a peer was faster than the store:\n\n${lines.join("\n")}\n\nWhy, and what else to know:\n`;
}
