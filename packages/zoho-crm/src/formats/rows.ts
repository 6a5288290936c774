import { TokenStoreError } from "@tokenkeep/core";
import { type Rows, tokenOfRow, ZOHO_COLUMNS, type ZohoClient } from "./columns.js";

/**
 * Reads the rows of a table: `oauthtoken` of the SDKs' `DBStore` and of the SQLite sample, `oauthtokens` of the
 * SDKs before 2020.
 *
 * @param rows each as a driver returns it: an object with a property per column
 * @param client completes rows that name no client
 * @returns the tokens, and the rows without one
 */
export function readZohoRows(rows: Iterable<unknown>, client?: ZohoClient): Rows {
  const read: Rows = { rows: [], problems: [] };
  let number = 0;
  for (const row of rows) {
    number++;
    if (typeof row !== "object" || row === null || Array.isArray(row)) {
      read.problems.push({
        where: `row ${number}`,
        reason: "it is not an object with a property per column",
      });
      continue;
    }
    const values = Object.entries(row).map(([name, value]) => [name, decoded(value)] as const);
    const where = `row ${number}${shownId(values.find(([name]) => name === "id")?.[1])}`;
    const token = tokenOfRow(values, client);
    if (typeof token === "string") read.problems.push({ where, reason: token });
    else read.rows.push({ where, token });
  }
  return read;
}

/**
 * Reads the JSON of an SDK before 2020: one row, a list of rows, or an object that holds either.
 * @param text the whole file
 * @param client the client of these tokens
 * @returns the tokens, and the rows without one
 * @throws TokenStoreError `ERR_CORRUPT` if it is not JSON
 */
export function readZohoJson(text: string, client?: ZohoClient): Rows {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // the parser's own message would quote the file, and with it a token
    throw new TokenStoreError("ERR_CORRUPT", "This file begins like JSON, but is cut off or damaged.");
  }
  return readZohoRows(rowsIn(content), client);
}

function rowsIn(content: unknown): unknown[] {
  if (Array.isArray(content)) return content;
  if (typeof content !== "object" || content === null) return [content];
  if (Object.keys(content).some((key) => ZOHO_COLUMNS.has(key.toLowerCase()))) return [content];
  return Object.values(content).flatMap(rowsIn);
}

// a column or a connection without a character set answers with bytes
function decoded(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : value;
}

function shownId(id: unknown): string {
  if (typeof id !== "string" && typeof id !== "number" && typeof id !== "bigint") return "";
  const text = String(id);
  return ` (id ${JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)})`;
}
