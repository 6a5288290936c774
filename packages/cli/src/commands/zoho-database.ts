import { fromZohoMysql, fromZohoSqlite, type ZohoClient, type ZohoTokens } from "@tokenkeep/zoho-crm";
import { importFromProject } from "../project.js";
import { openSqlite } from "../sqlite.js";

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
    const { createPool } = await importFromProject<typeof import("mysql2")>("mysql2");
    const pool = createPool(source).promise();
    try {
      return await fromZohoMysql(pool, options);
    } finally {
      await pool.end();
    }
  }
  const database = await openSqlite(source);
  try {
    return fromZohoSqlite(database, options);
  } finally {
    database.close();
  }
}
