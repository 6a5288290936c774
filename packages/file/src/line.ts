import { hash } from "node:crypto";

/** One line of a log: what to do, and on which condition. */
export interface Line {
  readonly op: string;
  readonly [name: string]: unknown;
}

/** What every line starts with. Inside a JSON string the quotes are escaped, so it is nowhere else. */
const START = '{"op":"';
const END = /,"sum":"([0-9a-f]{8})"\}$/;
const WHOLE = /"sum":"[0-9a-f]{8}"\}/;

function sumOf(text: string): string {
  return hash("sha256", text, "hex").slice(0, 8);
}

/**
 * A line as it stands in the file, newline and checksum included.
 * @param room how long the line is without its checksum, at least: spaces fill it up
 */
export function encodeLine(line: Line, room = 0): string {
  const body = JSON.stringify(line).slice(0, -1).padEnd(room);
  return `${body},"sum":"${sumOf(body)}"}\n`;
}

/**
 * Reads a line without its newline.
 *
 * A write that was cut off leaves the beginning of a line, and the next writer's line stands right behind it:
 * that one counts.
 * @returns undefined where it is no line of ours, whole
 */
export function decodeLine(text: string): Line | undefined {
  const start = text.lastIndexOf(START);
  if (start < 0 || (start > 0 && !isCutOff(text.slice(0, start)))) return undefined;
  const own = wholePart(text);
  const end = END.exec(own);
  if (end === null || sumOf(own.slice(0, end.index)) !== end[1]) return undefined;
  try {
    return JSON.parse(own) as Line;
  } catch {
    return undefined;
  }
}

/** What counts of a line's text: what stands before was cut off. */
export function wholePart(text: string): string {
  return text.slice(Math.max(text.lastIndexOf(START), 0));
}

/**
 * Whether this can be what is left of lines that were cut off, one behind the other. None of them was
 * acknowledged: each would have its newline. A power cut may also leave bytes 0, which no line of ours has.
 */
export function isCutOff(text: string): boolean {
  const [first, ...others] = text.replaceAll("\0", "").split(START);
  // the last of them may be cut within its START
  const isStart = (rest: string) => START.startsWith(rest);
  return (
    isStart(first!) &&
    others.every((part) => {
      const whole = WHOLE.exec(part);
      // something else where the newline of a whole line should be: that one may have been acknowledged
      return whole === null || isStart(part.slice(whole.index + whole[0].length));
    })
  );
}
