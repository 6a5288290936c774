import { TokenStoreError } from "@tokenkeep/core";
import { type Rows, tokenOfRow, ZOHO_COLUMNS, type ZohoClient } from "./columns.js";

/** A quoted value can't be longer than a token's property with each character a doubled quote. */
const MAX_QUOTED = 2 * 65_536;

/**
 * How a file quotes its values.
 * - `always`: as CSV does. Java's files are known by their quoted header, Python's by `redirect_uri` or CRLF.
 * - `maybe`: the other SDKs share one header. TypeScript and Node.js quote nothing, so that a quotation mark is a
 *   character like any other; Ruby and Java 8 quote the values that need it.
 */
type Quoting = "always" | "maybe";

/**
 * Reads the text of a file that an SDK's `FileStore` wrote, in any language and version.
 *
 * A byte order mark, CRLF, blank lines and a newline at the end are harmless. A line with a value too many or too
 * few is reported: which of its commas belongs to a value can't be known.
 *
 * @param text the whole file
 * @param client completes rows that name no client
 * @returns the tokens, and the lines that can't be read
 * @throws TokenStoreError `ERR_CORRUPT` if the first line is not one of Zoho's headers
 */
export function readZohoCsv(text: string, client?: ZohoClient): Rows {
  const body = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const read: Rows = { rows: [], problems: [] };
  if (body.trim() === "") return read;
  const end = body.indexOf("\n");
  const header = end < 0 ? body : body.slice(0, end);
  const columns = columnsOf(header);
  if (end < 0) return read;
  const isQuoting = header.includes('"') || columns.includes("redirect_uri") || header.endsWith("\r");
  for (const { line, values } of linesOf(body, end + 1, columns.length, isQuoting ? "always" : "maybe")) {
    const where = `line ${line}`;
    const reason =
      values === null ? "a quotation mark is not closed as in CSV" : reasonAgainst(values, columns);
    // the SDK turns a blank line into a lone comma when it updates a file of 9 columns
    if (values?.every((value) => value.trim() === "")) continue;
    const token =
      reason ??
      tokenOfRow(
        columns.map((column, index) => [column, values?.[index]]),
        client,
      );
    if (typeof token === "string") read.problems.push({ where, reason: token });
    else read.rows.push({ where, token });
  }
  return read;
}

function reasonAgainst(values: readonly string[], columns: readonly string[]): string | undefined {
  if (values.length !== columns.length) {
    return `${values.length} values where the header has ${columns.length} columns`;
  }
  // what decoding makes of bytes that are not UTF-8: the value itself is gone
  return values.some((value) => value.includes("\uFFFD")) ? "it is not UTF-8 text" : undefined;
}

function columnsOf(line: string): string[] {
  const columns = line.split(",").map((column) => column.trim().replace(/^"(.*)"$/, "$1"));
  const seen = new Set<string>();
  for (const [index, column] of columns.entries()) {
    const property = ZOHO_COLUMNS.get(column);
    // an unknown name is not shown: if the header is missing, it is somebody's token
    if (property === undefined) throw notZoho(`column ${index + 1} of its first line is not one of Zoho's`);
    if (seen.has(property)) throw notZoho(`its first line has two columns for ${property}`);
    seen.add(property);
  }
  if (!seen.has("refreshToken")) throw notZoho("its first line has no column refresh_token");
  return columns;
}

function notZoho(why: string): TokenStoreError {
  return new TokenStoreError(
    "ERR_CORRUPT",
    `This is not a file of a Zoho SDK's FileStore: ${why}. Such a file begins with a line of column names, ` +
      "id,user_mail,client_id,… Check the path, or restore that line. Nothing was changed.",
  );
}

interface CsvLine {
  readonly line: number;
  /** null if its quotation marks don't add up */
  readonly values: string[] | null;
}

function* linesOf(text: string, start: number, columns: number, quoting: Quoting): Generator<CsvLine> {
  let at = start;
  let line = 2;
  while (at < text.length) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    const plain = text.slice(at, text[end - 1] === "\r" && end > at ? end - 1 : end).split(",");
    const quoted =
      quoting === "always" || plain.some((value) => value.startsWith('"')) ? csvRecord(text, at) : null;
    if (quoted !== null && (quoting === "always" || (quoted.isStrict && quoted.values.length === columns))) {
      yield { line, values: quoted.values };
      line += quoted.newlines + 1;
      at = quoted.next;
      continue;
    }
    yield { line, values: quoting === "always" ? null : plain };
    line++;
    at = end + 1;
  }
}

interface CsvRecord {
  readonly values: string[];
  /** Whether all quotation marks are where a writer of CSV puts them. */
  readonly isStrict: boolean;
  readonly next: number;
  readonly newlines: number;
}

/** One record of CSV (RFC 4180), which may span lines; null if a quoted value does not end as it should. */
function csvRecord(text: string, start: number): CsvRecord | null {
  const values: string[] = [];
  let isStrict = true;
  let newlines = 0;
  let at = start;
  for (;;) {
    if (text[at] === '"') {
      const end = closingQuote(text, at + 1);
      if (end === null) return null;
      const value = text.slice(at + 1, end).replaceAll('""', '"');
      newlines += value.split("\n").length - 1;
      values.push(value);
      at = end + 1;
    } else {
      const end = endOfPlain(text, at);
      const value = text.slice(at, end);
      if (value.includes('"')) isStrict = false;
      values.push(value);
      at = end;
    }
    if (text[at] === ",") {
      at++;
      continue;
    }
    if (text[at] === "\r" && (text[at + 1] === "\n" || at + 1 === text.length)) at++;
    if (at < text.length && text[at] !== "\n") return null; // something follows a closing quote
    return { values, isStrict, next: at + 1, newlines };
  }
}

/** Where an unquoted value ends. */
function endOfPlain(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === "," || char === "\n") return at;
    if (char === "\r" && (text[at + 1] === "\n" || at + 1 === text.length)) return at;
  }
  return text.length;
}

function closingQuote(text: string, start: number): number | null {
  let at = text.indexOf('"', start);
  while (at >= 0 && at - start <= MAX_QUOTED) {
    if (text[at + 1] !== '"') return at;
    at = text.indexOf('"', at + 2);
  }
  return null;
}
