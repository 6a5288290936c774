import type { JoinedEntry, Problem } from "@tokenkeep/core/zoho-formats";
import { joinTokens, readZohoRows } from "@tokenkeep/core/zoho-formats";
import type { SqliteDatabase } from "./options.js";
import { tablesOf } from "./schema.js";

/** What became of the rows of Zoho's table. */
export interface AdoptionReport {
  /** How many rows the table had. */
  readonly rows: number;
  /** How many records they became: rows of one user and client are joined. */
  readonly records: number;
  /** The rows that were not brought over, and why. They stay in the table `oauthtoken`. */
  readonly problems: readonly Problem[];
}

/** The table of the sample that Zoho's users copied. It is read, and never changed. */
const TABLE = "oauthtoken";

/** Whether a database with these tables is that sample's and nothing else's. */
export function isZohoSample(tables: Iterable<string>): boolean {
  const others = [...tables].filter((name) => !name.startsWith("tokenkeep_"));
  return others.length === 1 && others[0]?.toLowerCase() === TABLE;
}

/**
 * Brings the rows over, once. To be run in the transaction that a crash undoes as a whole.
 * @param insert adds a record, and tells whether it could
 */
export function adopt(database: SqliteDatabase, insert: (entry: JoinedEntry) => boolean): void {
  const hasTable = [...tablesOf(database)].some((name) => name.toLowerCase() === TABLE);
  if (!hasTable || reportIn(database) !== null) return;
  const statement = database.prepare(`SELECT * FROM ${TABLE} ORDER BY rowid`);
  statement.safeIntegers(false);
  const rows = statement.all() as Record<string, unknown>[];
  const { entries, problems } = joinTokens(readZohoRows(rows));
  const left = [...problems];
  let records = 0;
  for (const entry of entries) {
    if (insert(entry)) records++;
    else
      left.push({
        where: `id ${JSON.stringify(entry.record.id)}`,
        reason: "the store has one of its values already",
      });
  }
  const report: AdoptionReport = { rows: rows.length, records, problems: left };
  database.prepare("INSERT INTO tokenkeep_meta VALUES ('adoption', ?)").run(JSON.stringify(report));
}

/** What an adoption left in the database, by this process or another. */
export function reportIn(database: SqliteDatabase): AdoptionReport | null {
  const row = database.prepare("SELECT value FROM tokenkeep_meta WHERE name = 'adoption'").get();
  return row === undefined ? null : (JSON.parse((row as { value: string }).value) as AdoptionReport);
}
