import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { JOBS, type Job } from "../bench.js";
import { callersText, duration, written } from "../format.js";
import type { BackendResult } from "../measure-backend.js";
import { faster, type Group, type Verdict } from "../targets.js";
import { plot } from "./plot.js";

const DOCS = new URL("../../../docs/", import.meta.url);
const RESULTS = new URL("benchmarks/results.json", DOCS);
/**
 * Writes `docs/benchmarks.md` and its plots. What was not measured this time stays as it was in `results.json`.
 * @param results what was measured
 * @param notes what a reader has to know of each backend; not stored, so that better words need no other run
 * @param order the backends, in the order of the page
 * @returns the files written
 */
export function writePage(
  results: readonly BackendResult[],
  notes: Notes,
  order: readonly string[],
): string[] {
  mkdirSync(new URL("benchmarks/", DOCS), { recursive: true });
  const all = new Map(read().map((result) => [result.name, result]));
  for (const result of results) all.set(result.name, result);
  const sorted = order.flatMap((name) => all.get(name) ?? []);
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

/** The notes of each backend, by its folder. */
export type Notes = Readonly<Record<string, readonly string[]>>;

/** The page as Markdown. */
export function page(results: readonly BackendResult[], notes: Notes): string {
  return `# Benchmarks

<!-- Written by \`pnpm bench\`. Don't edit it: run the command again. -->

Each store next to the bare driver under it and next to the alternatives: the stores that come with Zoho's SDK, the
adapters of keyv, and Shopify's session storages. \`npx --yes pnpm bench\` measures all of them and writes this page;
\`npx --yes pnpm bench redis --page\` measures one backend.

**What is measured**

${Object.entries(JOBS)
  .map(([job, meaning]) => `- *${job}*: ${meaning}.`)
  .join("\n")}

Every call concerns a random user of the whole store. All candidates run in turn, for a fraction of a second each,
round after round, so that a slow minute of the machine affects each of them. The rate is the median of the rounds. In
brackets: how long one call took, median and 99th percentile. Ratios are taken round by round. The servers run on the
same machine, so the network costs next to nothing here: compare within a table, not between machines.

**What the numbers mean.** A program makes one find for each API call and one save for each refresh, that is, once an
hour for each user, after an HTTPS request that takes a thousand times longer than the save. *× as fast as the driver*
is what our rules cost on top of the database. *× the cost at 100 tokens* is whether a store slows down as it grows.
*Bytes per token* is what a user costs on disk or in memory, for a token of 446 bytes.

**Read the durability first.** A save that waits for the disk can't be as fast as one that does not.

${results.map((result) => section(result, notes[result.name] ?? [])).join("\n")}`;
}

function section(result: BackendResult, notes: readonly string[]): string {
  const { backend, name, server, date, machine, groups, options } = result;
  const tables = (Object.keys(JOBS) as Job[]).map((job) =>
    table(
      job,
      groups.filter((group) => group.job === job),
    ),
  );
  return `## ${backend}

${server === undefined ? "" : `${server}. `}${machine}. ${date}. ${options.rounds} rounds of ${options.turnMs} ms.

![${backend}: calls per second, by number of callers and tokens](benchmarks/${name}.svg)

${tables.join("\n")}
| candidate | after a save has resolved | bytes per token |
| --- | --- | ---: |
${durabilities(result)}

${wanted(result.verdicts)}
${ahead(groups)}
${notes.map((note) => `- ${note}`).join("\n")}
`;
}

function table(title: Job, groups: readonly Group[]): string {
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

/** No more digits than the measurement has. */
function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toPrecision(2) : written(Number(perSecond.toPrecision(3)));
}

function durabilities({ groups, bytesPerToken }: BackendResult): string {
  const seen = new Map(
    groups.flatMap(({ measured }) => measured).map(({ name, durability }) => [name, durability]),
  );
  return [...seen]
    .map(([name, durability]) => {
      const bytes = bytesPerToken[name];
      return `| ${name} | ${durability} | ${bytes === undefined ? "" : written(bytes)} |`;
    })
    .join("\n");
}

function wanted(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return "";
  const missed = verdicts.filter(({ met }) => !met);
  const line = ({ job, callers, size, text }: Verdict) =>
    `- ${job}, ${callersText(callers)}, ${written(size)} tokens: ${text}`;
  const count = `Targets met: ${verdicts.length - missed.length} of ${verdicts.length}`;
  return missed.length === 0 ? `${count}.\n` : `${count}. Missed:\n\n${missed.map(line).join("\n")}\n`;
}

function ahead(groups: readonly Group[]): string {
  const lines = groups.flatMap((group) =>
    faster(group).map(
      ({ name, size, times }) =>
        `- ${group.job}, ${callersText(group.callers)}, ${written(size)} tokens: ${name}, ${times.toFixed(2)} ×`,
    ),
  );
  return lines.length === 0
    ? "No alternative was faster than the store.\n"
    : `Where an alternative was faster than the store:\n\n${lines.join("\n")}\n\nWhy, and what else to know:\n`;
}
