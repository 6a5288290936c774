// The contract's page is the only place that has its text: what a failing case quotes is read from there.
import { readFileSync } from "node:fs";

/** A sentence of the contract. */
export interface Sentence {
  /** Such as `3.4a`. */
  readonly id: string;
  readonly text: string;
  /** Why no case checks it; undefined where cases do. */
  readonly notChecked: string | undefined;
}

/** `- **3.4a** The sentence. *Not checked by the kit: why.*` */
const ITEM = /^- \*\*(\d+\.\d[a-z])\*\* (.+?)(?: \*(.+)\*)?$/;
const NOT_CHECKED = /^Not checked by the kit: (.+)$/;

/** `## 3. Saving` or `### 3.4 Whose a value is` */
const HEADING = /^###? (\d+(?:\.\d)?)\.? (.+)$/;

const LINES = readFileSync(new URL("../docs/contract.md", import.meta.url), "utf8").split("\n");

/** The sentences of the contract, in its order, by their ids. */
export const SENTENCES: ReadonlyMap<string, Sentence> = new Map(
  LINES.flatMap((line) => {
    const [, id, text, remark] = ITEM.exec(line) ?? [];
    if (id === undefined || text === undefined) return [];
    return [[id, { id, text, notChecked: NOT_CHECKED.exec(remark ?? "")?.[1] }] as const];
  }),
);

/** The titles of its sections (`3`) and paragraphs (`3.4`). */
export const TITLES: ReadonlyMap<string, string> = new Map(
  LINES.flatMap((line) => {
    const [, number, title] = HEADING.exec(line) ?? [];
    return number === undefined || title === undefined ? [] : [[number, title.replaceAll("`", "")] as const];
  }),
);

/** The paragraph that a sentence stands in: `3.4` of `3.4a`. */
export function paragraphOfSentence(id: string): string {
  return id.slice(0, -1);
}

/** So many sentences are quoted; a case that checks more of them is about how they go together. */
const QUOTED = 5;

/** What these sentences say, on a line each. */
export function quote(ids: readonly string[]): string[] {
  if (ids.length > QUOTED) return [`${ids.length} sentences together (docs/contract.md): ${ids.join(" ")}`];
  return ids.map((id) => `${id} ${SENTENCES.get(id)?.text ?? ""}`);
}
