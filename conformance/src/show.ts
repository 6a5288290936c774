import { types } from "node:util";

/** The longest string that is shown in full. */
const LONGEST = 80;
/** How deep nested values are shown; a cycle ends there too. */
const DEEPEST = 5;

/** A value as one would write it in a call: short, on one line. Tokens are shown with their secrets. */
export function show(value: unknown, depth = 0): string {
  if (typeof value === "string") {
    if (value.length <= LONGEST) return JSON.stringify(value);
    return `${JSON.stringify(value.slice(0, LONGEST / 2))}… (${value.length} UTF-16 units)`;
  }
  if (value === undefined) return "undefined";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name === "" ? "() => …" : value.name;
  if (typeof value !== "object" || value === null) return String(value);
  if (isError(value)) return showError(value);
  if (depth > DEEPEST) return "…";
  if (Array.isArray(value)) return showList(value, depth);
  if (value instanceof AbortSignal) return value.aborted ? "(aborted signal)" : "(signal)";
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  const toPlain: unknown = (value as { toPlain?: unknown }).toPlain;
  if (typeof toPlain === "function") return showToken(toPlain.call(value) as object);
  return showProperties(Object.entries(value), depth);
}

/** Whether it is an error, also of another realm: in jest, Node's errors are not instances of the test's `Error`. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

function showList(values: readonly unknown[], depth: number): string {
  const shown = values.slice(0, 10).map((value) => show(value, depth + 1));
  if (values.length > shown.length) shown.push(`… ${values.length} in all`);
  return `[${shown.join(", ")}]`;
}

/** Without what is absent, and without the times of its saves, which are never the same. */
function showToken(plain: object): string {
  return showProperties(Object.entries(plain).filter(([name, value]) => value !== null && !isTime(name)));
}

function isTime(name: string): boolean {
  return name === "createdAt" || name === "savedAt";
}

function showProperties(entries: readonly [string, unknown][], depth = 0): string {
  const parts = entries.map(([key, part]) => `${key}: ${show(part, depth + 1)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

function showError(error: Error): string {
  const code: unknown = (error as { code?: unknown }).code;
  return `${error.name}${code === undefined ? "" : ` ${String(code)}`}: ${error.message}`;
}

/** At least this many properties that are as given are abbreviated. */
const SAME = 3;

/** The result of a call. Properties that the call was given are not shown again. */
export function showAnswer(answer: unknown, given: unknown): string {
  const toPlain: unknown = (answer as { toPlain?: unknown } | null)?.toPlain;
  if (typeof toPlain !== "function" || typeof given !== "object" || given === null) return show(answer);
  const came = Object.entries(toPlain.call(answer) as object).filter(([name]) => !isTime(name));
  const asked = given as Readonly<Record<string, unknown>>;
  const isAsGiven = ([name, value]: [string, unknown]): boolean =>
    value !== null && show(asked[name]) === show(value);
  if (came.filter(isAsGiven).length < SAME) return show(answer);
  const lacks = ([name, value]: [string, unknown]): boolean => value === null && (asked[name] ?? "") !== "";
  const others = came.filter((entry) => lacks(entry) || (entry[1] !== null && !isAsGiven(entry)));
  return `{ ${["… as given", ...others.map(([name, value]) => `${name}: ${show(value)}`)].join(", ")} }`;
}
