import { TokenStoreError } from "@tokenkeep/core";
import { fromZohoTable, type ZohoTokens } from "./read.js";
import { clientOf, noTable, type TableOptions, tableNames } from "./tables.js";

/** The used part of a database of better-sqlite3 or node:sqlite. */
export interface SqliteReader {
  prepare(sql: string): { all(...parameters: string[]): unknown[] };
}

/**
 * Reads the SQLite database of the sample that Zoho published (`zohooauth.db`). It is only read.
 * @param database an open database of better-sqlite3 or node:sqlite. It is yours to close.
 * @param options the table, and the OAuth client of tokens that name none
 * @returns the tokens, and the rows that are in none of them
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` if there is no such table, or a client is needed; `ERR_UNAVAILABLE` if
 *   it can't be read
 */
export function fromZohoSqlite(database: SqliteReader, options: TableOptions = {}): ZohoTokens {
  if (typeof database?.prepare !== "function") {
    throw new TokenStoreError(
      "ERR_INVALID_OPTIONS",
      "The first argument must be an open database of better-sqlite3 or node:sqlite, not its path.",
    );
  }
  const read: Record<string, unknown>[][] = [];
  for (const table of tableNames(options)) {
    const rows = rowsOf(database, table);
    if (rows !== null) read.push(rows);
  }
  if (read.length === 0) throw noTable(options);
  return fromZohoTable(read.flat(), clientOf(options));
}

function rowsOf(database: SqliteReader, table: string): Record<string, unknown>[] | null {
  try {
    const known = database
      .prepare("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND lower(name) = lower(?)")
      .all(table);
    if (known.length === 0) return null;
    return database.prepare(`SELECT * FROM "${table.replaceAll('"', '""')}"`).all() as Record<
      string,
      unknown
    >[];
  } catch (error) {
    throw new TokenStoreError(
      "ERR_UNAVAILABLE",
      `Zoho's table can't be read: ${String((error as Error).message)}. Check that the database is open and whole.`,
      { cause: error, retryable: false },
    );
  }
}
