// The text of the contract is in docs/contract.md alone. Failing cases quote it from there.
import { readFileSync } from "node:fs";

/** A sentence of the contract. */
export interface Sentence {
  /** Such as `3.4a`. */
  readonly id: string;
  readonly text: string;
  /** Why no case checks it; undefined if cases do. */
  readonly notChecked: string | undefined;
}

/** `- **3.4a** The sentence. *Not checked by the kit: why.*` */
const ITEM = /^- \*\*(\d+\.\d[a-z])\*\* (.+?)(?: \*(.+)\*)?$/;
const NOT_CHECKED = /^Not checked by the kit: (.+)$/;

/** `## 3. Saving` or `### 3.4 Whose a value is` */
const HEADING = /^###? (\d+(?:\.\d)?)\.? (.+)$/;

const LINES = readFileSync(new URL("../docs/contract.md", import.meta.url), "utf8").split("\n");

/** The sentences of the contract, in order, by id. */
export const SENTENCES: ReadonlyMap<string, Sentence> = new Map(
  LINES.flatMap((line) => {
    const [, id, text, remark] = ITEM.exec(line) ?? [];
    if (id === undefined || text === undefined) return [];
    return [[id, { id, text, notChecked: NOT_CHECKED.exec(remark ?? "")?.[1] }] as const];
  }),
);

/** The titles of the sections (`3`) and paragraphs (`3.4`). */
export const TITLES: ReadonlyMap<string, string> = new Map(
  LINES.flatMap((line) => {
    const [, number, title] = HEADING.exec(line) ?? [];
    return number === undefined || title === undefined ? [] : [[number, title.replaceAll("`", "")] as const];
  }),
);

/** The paragraph that a sentence belongs to: `3.4` for `3.4a`. */
export function paragraphOfSentence(id: string): string {
  return id.slice(0, -1);
}

/** A case that checks more sentences than this is about how they work together, and quotes only their ids. */
const QUOTED = 5;

/** The text of these sentences, one per line. */
export function quote(ids: readonly string[]): string[] {
  if (ids.length > QUOTED) return [`${ids.length} sentences together (docs/contract.md): ${ids.join(" ")}`];
  return ids.map((id) => `${id} ${SENTENCES.get(id)?.text ?? ""}`);
}
