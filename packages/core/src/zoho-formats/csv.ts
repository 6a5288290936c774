import { TokenStoreError } from "../errors.js";
import { type Problem, type ReadRow, tokenOfRow, ZOHO_COLUMNS, type ZohoRead } from "./read.js";

/** A quoted value can't be longer than a token's property, each of its characters a doubled quote. */
const MAX_QUOTED = 2 * 65_536;

/**
 * Reads the text of a file that an SDK's `FileStore` wrote: with `user_mail` or `user_name`, with or without
 * `api_domain`, of the 2.1 SDKs, of Python's.
 *
 * The SDKs for Node.js quote nothing, so there a quotation mark is a character like any other. Python's quotes as
 * CSV does; its files are known by the column `redirect_uri` or by the CRLF after the header. A byte order mark,
 * CRLF, blank lines and a newline at the end do no harm. A line with a value too many or too few is reported:
 * which of its commas belongs to a value can't be known.
 *
 * @param text the whole file, as text
 * @returns the tokens, and the lines that can't be read
 * @throws TokenStoreError `ERR_CORRUPT` where the first line is not a header of Zoho's
 */
export function readZohoCsv(text: string): ZohoRead {
  const body = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const read: { rows: ReadRow[]; problems: Problem[] } = { rows: [], problems: [] };
  if (body.trim() === "") return read;
  const end = body.indexOf("\n");
  const headerLine = end < 0 ? body : body.slice(0, end);
  const columns = columnsOf(headerLine);
  const quotes = columns.includes("redirect_uri") || headerLine.endsWith("\r");
  if (end < 0) return read;
  for (const { line, values } of linesOf(body, end + 1, quotes)) {
    const where = `line ${line}`;
    if (values === null) {
      read.problems.push({ where, reason: "a quotation mark is not closed as CSV has it" });
      continue;
    }
    // the SDK makes a lone comma of a blank line when it brings a file of 9 columns up to date
    if (values.every((value) => value.trim() === "")) continue;
    if (values.length !== columns.length) {
      const reason = `${values.length} values where the header has ${columns.length} columns`;
      read.problems.push({ where, reason });
      continue;
    }
    // what decoding makes of bytes that are no UTF-8: the value itself is gone
    if (values.some((value) => value.includes("\uFFFD"))) {
      read.problems.push({ where, reason: "it is not UTF-8 text" });
      continue;
    }
    const token = tokenOfRow(columns.map((column, index) => [column, values[index]]));
    if (typeof token === "string") read.problems.push({ where, reason: token });
    else read.rows.push({ where, token });
  }
  return read;
}

function columnsOf(line: string): string[] {
  const columns = line.split(",").map((column) => column.trim().replace(/^"(.*)"$/, "$1"));
  const seen = new Set<string>();
  for (const [index, column] of columns.entries()) {
    const property = ZOHO_COLUMNS.get(column);
    // an unknown name is not shown: where the header is missing, it is somebody's token
    if (property === undefined) throw notZoho(`column ${index + 1} of its first line is none of Zoho's`);
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
      "id,user_mail,client_id,… Check the path, or put the line back. Nothing was changed.",
  );
}

interface CsvLine {
  readonly line: number;
  /** null: can't be told apart */
  readonly values: string[] | null;
}

function* linesOf(text: string, start: number, quotes: boolean): Generator<CsvLine> {
  let at = start;
  let line = 2;
  while (at < text.length) {
    const record = quotes ? quotedRecord(text, at) : null;
    if (record !== null) {
      yield { line, values: record.values };
      line += record.newlines + 1;
      at = record.next;
      continue;
    }
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    const content = text.slice(at, text[end - 1] === "\r" && end > at ? end - 1 : end);
    yield { line, values: quotes ? null : content.split(",") };
    line++;
    at = end + 1;
  }
}

/** One record of real CSV, which may span lines; null where its quotes don't add up. */
function quotedRecord(
  text: string,
  start: number,
): { values: string[]; next: number; newlines: number } | null {
  const values: string[] = [];
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
      const end = nextOf(text, at);
      values.push(text.slice(at, end));
      at = end;
    }
    if (text[at] === ",") {
      at++;
      continue;
    }
    if (text[at] === "\r" && (text[at + 1] === "\n" || at + 1 === text.length)) at++;
    if (at < text.length && text[at] !== "\n") return null; // something after a closing quote
    return { values, next: at + 1, newlines };
  }
}

/** Where an unquoted value ends. */
function nextOf(text: string, start: number): number {
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
