import { UsageError } from "./errors.js";

// C0 and C1 control characters, and the marks that reorder or hide text on a terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text from a store or a provider as it may go to a terminal: control characters are written as `\u001b`. */
export function escaped(text: string): string {
  return text.replace(CONTROLS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** {@link escaped}, but for line breaks. */
export function escapedLines(text: string): string {
  return text.split("\n").map(escaped).join("\n");
}

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A duration such as `30d` in milliseconds. @throws UsageError */
export function parseDuration(option: string, text: string): number {
  const [, count, unit] = /^(\d+)([smhdw])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit ?? ""] ?? Number.NaN);
  if (!Number.isSafeInteger(ms))
    throw new UsageError(`${option} must be a duration such as 90s, 30m, 12h or 30d.`);
  return ms;
}

const IN_WORDS = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/** How long ago, or how long until then, in words: "3 days ago", "in 20 minutes". */
export function relative(time: number, now: number = Date.now()): string {
  const ms = time - now;
  const size = Math.abs(ms);
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ["year", 365 * 86_400_000],
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
    ["second", 1000],
  ];
  const [unit, length] = units.find(([, each]) => size >= each) ?? ["second", 1000];
  return IN_WORDS.format(Math.trunc(ms / length), unit);
}

/** A number with thousands separated. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
