import { hash } from "node:crypto";

/** One line of a log: what to do, and on which condition. */
export interface Line {
  readonly op: string;
  readonly [name: string]: unknown;
}

/** What every line starts with. Inside a JSON string the quotes are escaped, so it is nowhere else. */
const START = '{"op":"';
const END = /,"sum":"([0-9a-f]{8})"\}$/;

function sumOf(text: string): string {
  return hash("sha256", text, "hex").slice(0, 8);
}

/** A line as it stands in the file, newline and checksum included. */
export function encodeLine(line: Line): string {
  const body = JSON.stringify(line).slice(0, -1);
  return `${body},"sum":"${sumOf(body)}"}\n`;
}

/**
 * Reads a line without its newline.
 *
 * A write that was cut off leaves the beginning of a line without a newline, and a writer that had not seen
 * it yet puts its own line right behind: that one counts. Two whole lines in one are damage, though.
 * @returns undefined where it is no line of ours, whole
 */
export function decodeLine(text: string): Line | undefined {
  const start = text.lastIndexOf(START);
  const torn = text.slice(0, Math.max(start, 0));
  if (start < 0 || /"sum":"[0-9a-f]{8}"\}/.test(torn)) return undefined;
  if (torn !== "" && !torn.startsWith(START.slice(0, torn.length))) return undefined;
  const own = text.slice(start);
  const end = END.exec(own);
  if (end === null || sumOf(own.slice(0, end.index)) !== end[1]) return undefined;
  try {
    return JSON.parse(own) as Line;
  } catch {
    return undefined;
  }
}
