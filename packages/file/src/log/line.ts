import { hash } from "node:crypto";

/** One line of a log: an operation and its condition. */
export interface Line {
  readonly op: string;
  readonly [name: string]: unknown;
}

/** What every line starts with. JSON escapes quotes inside a string, so it is nowhere else in a line. */
const START = '{"op":"';
const END = /,"sum":"([0-9a-f]{8})"\}$/;
const COMPLETE = /"sum":"[0-9a-f]{8}"\}/;

function checksum(text: string): string {
  return hash("sha256", text, "hex").slice(0, 8);
}

/**
 * A line as it is in the file, with its checksum and newline.
 * @param minLength spaces pad the line to this length, not counting the checksum
 */
export function encodeLine(line: Line, minLength = 0): string {
  const body = JSON.stringify(line).slice(0, -1).padEnd(minLength);
  return `${body},"sum":"${checksum(body)}"}\n`;
}

/**
 * Reads a line without its newline.
 *
 * A torn write leaves the beginning of a line, and the next writer's line follows it directly: only that one counts.
 * @returns undefined where it is not a complete line
 */
export function decodeLine(text: string): Line | undefined {
  const start = text.lastIndexOf(START);
  if (start < 0 || (start > 0 && !isTorn(text.slice(0, start)))) return undefined;
  const own = withoutTorn(text);
  const end = END.exec(own);
  if (end === null || checksum(own.slice(0, end.index)) !== end[1]) return undefined;
  try {
    return JSON.parse(own) as Line;
  } catch {
    return undefined;
  }
}

/** A line's text without the torn lines before it. */
export function withoutTorn(text: string): string {
  return text.slice(Math.max(text.lastIndexOf(START), 0));
}

/**
 * Whether this can be what torn writes left, one after the other. None of them was acknowledged: each would end in
 * a newline. A power cut may also leave zero bytes, which no line contains.
 */
export function isTorn(text: string): boolean {
  const [first, ...others] = text.replaceAll("\0", "").split(START);
  // The last one may be cut within its START.
  const isStart = (rest: string) => START.startsWith(rest);
  return (
    isStart(first!) &&
    others.every((part) => {
      const complete = COMPLETE.exec(part);
      // If something else replaced the newline of a complete line, that line may have been acknowledged.
      return complete === null || isStart(part.slice(complete.index + complete[0].length));
    })
  );
}
