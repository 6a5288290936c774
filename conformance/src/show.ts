import { types } from "node:util";

/** The longest string that is shown whole. */
const LONGEST = 80;

/** A value as a person would write it in a call: short, on one line, tokens with their secrets. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    if (value.length <= LONGEST) return JSON.stringify(value);
    return `${JSON.stringify(value.slice(0, LONGEST / 2))}… (${value.length} UTF-16 units)`;
  }
  if (value === undefined) return "undefined";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return value.name === "" ? "() => …" : value.name;
  if (typeof value !== "object" || value === null) return String(value);
  if (isError(value)) return showError(value);
  if (Array.isArray(value)) return showList(value);
  if (value instanceof AbortSignal) return value.aborted ? "(aborted signal)" : "(signal)";
  if (value instanceof Date) return `new Date(${value.getTime()})`;
  const toPlain: unknown = (value as { toPlain?: unknown }).toPlain;
  if (typeof toPlain === "function") return showProperties(toPlain.call(value) as object, true);
  return showProperties(value, false);
}

/** Whether it is an error, of a test runner's realm too: in jest, what Node throws is no `Error` of the test's. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

function showList(values: readonly unknown[]): string {
  const shown = values.slice(0, 10).map(show);
  if (values.length > shown.length) shown.push(`… ${values.length} in all`);
  return `[${shown.join(", ")}]`;
}

function showProperties(value: object, skipsNull: boolean): string {
  const parts: string[] = [];
  for (const [key, part] of Object.entries(value)) {
    if (!skipsNull || part !== null) parts.push(`${key}: ${show(part)}`);
  }
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

function showError(error: Error): string {
  const code: unknown = (error as { code?: unknown }).code;
  return `${error.name}${code === undefined ? "" : ` ${String(code)}`}: ${error.message}`;
}

/** So many properties that came as they were given are told in two words. */
const SAME = 3;

/** What a call came to, where `given` is its argument: a token that was given is not shown once more. */
export function showAnswer(answer: unknown, given: unknown): string {
  const toPlain: unknown = (answer as { toPlain?: unknown } | null)?.toPlain;
  if (typeof toPlain !== "function" || typeof given !== "object" || given === null) return show(answer);
  const came = Object.entries(toPlain.call(answer) as object);
  const asked = given as Readonly<Record<string, unknown>>;
  const isAsGiven = ([name, value]: [string, unknown]): boolean =>
    value !== null && show(asked[name]) === show(value);
  if (came.filter(isAsGiven).length < SAME) return show(answer);
  const lacks = ([name, value]: [string, unknown]): boolean => value === null && (asked[name] ?? "") !== "";
  const others = came.filter((entry) => lacks(entry) || (entry[1] !== null && !isAsGiven(entry)));
  return `{ ${["… as given", ...others.map(([name, value]) => `${name}: ${show(value)}`)].join(", ")} }`;
}
