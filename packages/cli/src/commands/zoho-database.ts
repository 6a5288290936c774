import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  fromZohoMysql,
  fromZohoSqlite,
  type SqliteReader,
  type ZohoClient,
  type ZohoTokens,
} from "@tokenkeep/zoho-crm";
import { CommandError } from "../errors.js";

type SqliteClass = new (path: string, options: { readonly: true }) => SqliteReader & { close(): void };

/**
 * Reads a Zoho SDK's table, with the driver of the project in which the command runs.
 * @param kind which database
 * @param source its path, or its URL
 * @param table the table's name, if it is not the SDK's usual one
 * @param client the OAuth client of rows that name none
 * @returns what was read
 */
export async function fromZohoDatabase(
  kind: "sqlite" | "mysql",
  source: string,
  table: string | undefined,
  client: ZohoClient,
): Promise<ZohoTokens> {
  const options = { ...client, ...(table !== undefined && { table }) };
  if (kind === "mysql") {
    const { createPool } = (await importDriver("mysql2")) as typeof import("mysql2");
    const pool = createPool(source).promise();
    try {
      return await fromZohoMysql(pool, options);
    } finally {
      await pool.end();
    }
  }
  const { default: Database } = (await importDriver("better-sqlite3")) as { default: SqliteClass };
  const database = new Database(source, { readonly: true });
  try {
    return fromZohoSqlite(database, options);
  } finally {
    database.close();
  }
}

async function importDriver(name: string): Promise<unknown> {
  const project = createRequire(join(process.cwd(), "package.json"));
  try {
    return await import(pathToFileURL(project.resolve(name)).href);
  } catch {
    throw new CommandError(`Not installed in this project: ${name}. Run: npm install ${name}`);
  }
}
