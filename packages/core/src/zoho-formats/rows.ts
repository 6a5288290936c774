import { type Problem, type ReadRow, tokenOfRow, type ZohoRead } from "./read.js";

/**
 * Reads the rows of a table `oauthtoken`, as the SDKs' `DBStore` and the SQLite sample wrote them.
 *
 * The user may be `user_name` or `user_mail`; columns that are not Zoho's are ignored; `null`, `undefined` and
 * `""` are absent. (The text `null` is a value like any other: no SDK writes it for an absent one.)
 *
 * @param rows each as a driver gives it: an object with a property per column
 * @returns the tokens, and the rows that hold none
 */
export function readZohoRows(rows: Iterable<Record<string, unknown>>): ZohoRead {
  const read: { rows: ReadRow[]; problems: Problem[] } = { rows: [], problems: [] };
  let number = 0;
  for (const row of rows) {
    number++;
    if (typeof row !== "object" || row === null) {
      read.problems.push({ where: `row ${number}`, reason: "it is not an object of columns" });
      continue;
    }
    const where = `row ${number}${shownId(row.id)}`;
    const token = tokenOfRow(Object.entries(row));
    if (typeof token === "string") read.problems.push({ where, reason: token });
    else read.rows.push({ where, token });
  }
  return read;
}

function shownId(id: unknown): string {
  if (typeof id !== "string" && typeof id !== "number" && typeof id !== "bigint") return "";
  const text = String(id);
  return ` (id ${JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)})`;
}
