import { TokenStoreError } from "@tokenkeep/core";
import { fromZohoTable, type ZohoTokens } from "./read.js";
import { clientOf, noTable, type TableOptions, tableNames } from "./tables.js";

/** The used part of a pool or a connection of `mysql2/promise`. */
export interface MysqlPromises {
  query(options: { sql: string; rowsAsArray: boolean }): Promise<[unknown, unknown]>;
}

/** The used part of a pool or a connection of `mysql2`. */
export interface MysqlCallbacks {
  promise(): MysqlPromises;
}

type Row = Record<string, unknown>;

/**
 * Reads the table of an SDK's `DBStore` from MySQL or MariaDB. It is only read: the privilege `SELECT` is enough.
 * @param client a pool or a connection of mysql2, with promises or with callbacks, to the table's database. It is
 *   yours to close.
 * @param options the table, and the OAuth client of tokens that name none
 * @returns the tokens, and the rows that are in none of them
 * @throws TokenStoreError `ERR_INVALID_OPTIONS` if there is no such table, or a client is needed; `ERR_PERMISSION` or
 *   `ERR_UNAVAILABLE` if it can't be read
 */
export async function fromZohoMysql(
  client: MysqlPromises | MysqlCallbacks,
  options: TableOptions = {},
): Promise<ZohoTokens> {
  const mysql = promisesOf(client);
  const query = async (sql: string): Promise<Row[]> => {
    // the caller's pool may be set to answer with arrays
    const [rows] = await mysql.query({ sql, rowsAsArray: false });
    return rows as Row[];
  };
  const read: Row[][] = [];
  for (const table of tableNames(options)) {
    try {
      read.push(await rowsOf(query, table));
    } catch (error) {
      if ((error as { errno?: unknown }).errno !== NO_SUCH_TABLE) throw toStoreError(error);
    }
  }
  if (read.length === 0) throw noTable(options);
  return fromZohoTable(read.flat(), clientOf(options));
}

async function rowsOf(query: (sql: string) => Promise<Row[]>, table: string): Promise<Row[]> {
  const columns = (await query(`SHOW COLUMNS FROM ${quoted(table)}`)).map(({ Field }) => String(Field));
  // as bytes, so that no name arrives with question marks, whatever the connection's character set
  const selected = columns.map(
    (name) => `CAST(CONVERT(${quoted(name)} USING utf8mb4) AS BINARY) AS ${quoted(name)}`,
  );
  // the ids are numbers in a column of text
  const order = columns.includes("id") ? " ORDER BY CHAR_LENGTH(id), id" : "";
  return query(`SELECT ${selected.join(", ")} FROM ${quoted(table)}${order}`);
}

function promisesOf(client: MysqlPromises | MysqlCallbacks): MysqlPromises {
  if (typeof (client as MysqlCallbacks | undefined)?.promise === "function") {
    return (client as MysqlCallbacks).promise();
  }
  if (typeof (client as MysqlPromises | undefined)?.query === "function") return client as MysqlPromises;
  throw new TokenStoreError(
    "ERR_INVALID_OPTIONS",
    "The first argument must be a pool or a connection of mysql2, such as createPool(…) returns.",
  );
}

/** ER_NO_SUCH_TABLE */
const NO_SUCH_TABLE = 1146;
/** Access denied to the server, the database, the command, the table, the column. */
const DENIED: readonly unknown[] = [1045, 1044, 1227, 1142, 1143];

function toStoreError(error: unknown): TokenStoreError {
  const { errno, code, message } = error as { errno?: unknown; code?: unknown; message?: unknown };
  const isDenied = DENIED.includes(errno);
  return new TokenStoreError(
    isDenied ? "ERR_PERMISSION" : "ERR_UNAVAILABLE",
    `Zoho's table can't be read: ${String(message)}${code === undefined ? "" : ` (${String(code)})`}. ` +
      (isDenied ? "Grant SELECT on it to this user." : "Check the connection, and try again."),
    { cause: error },
  );
}

function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}
