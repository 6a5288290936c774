import { opaqueKey, type RecordKeys, type TokenRecord, TokenStoreError } from "@tokenkeep/core";
import { joinTokens, type Problem, readZohoRows } from "@tokenkeep/core/zoho-formats";
import type { Connections, Run, Value } from "./connections.js";
import { DUPLICATE, errnoOf } from "./failures.js";
import { LOCKS_SUFFIX, quoteName } from "./names.js";
import { readState, type SchemaSettings, underLock } from "./schema.js";

/** What became of the rows of Zoho's table. */
export interface AdoptionReport {
  /** How many rows the table had. */
  readonly rows: number;
  /** How many records they became: rows of one user and client are joined. */
  readonly records: number;
  /** The rows that were not brought over, and why. They stay in Zoho's table. */
  readonly problems: readonly Problem[];
}

/** What an adoption is about. */
export interface Adoption {
  /** Zoho's table. */
  readonly from: string;
  readonly namespace: string;
}

type InsertOf = (record: TokenRecord, keys: RecordKeys) => { sql: string; values: readonly Value[] };

const NAMESPACE = "CONVERT(UNHEX(?) USING utf8mb4)";

/**
 * Copies the records of Zoho's table, once per namespace, in one transaction. That it was done, and what
 * came of it, stands in a row beside the leases.
 */
export async function adopt(
  adoption: Adoption,
  connections: Connections,
  settings: SchemaSettings,
  insertOf: InsertOf,
): Promise<void> {
  if ((await reportIn(connections, settings.table, adoption)) !== null) return;
  await connections.session(async (run) => {
    const state = await readState(run, settings.table);
    await underLock(run, state, settings, async () => {
      if ((await reportIn({ run }, settings.table, adoption)) !== null) return;
      const rows = await rowsOf(run, adoption.from);
      await run("START TRANSACTION");
      const report = await copy(run, rows, insertOf);
      const values = [...markOf(adoption), Buffer.from(JSON.stringify(report)).toString("hex")];
      await run(
        `INSERT INTO ${quoteName(settings.table + LOCKS_SUFFIX)} (namespace, lock_key, fence, note)
          VALUES (${NAMESPACE}, ?, 1, CONVERT(UNHEX(?) USING utf8mb4))`,
        values,
      );
      await run("COMMIT");
    });
  });
}

async function copy(
  run: Run,
  rows: readonly Record<string, unknown>[],
  insertOf: InsertOf,
): Promise<AdoptionReport> {
  const { entries, problems } = joinTokens(readZohoRows(rows));
  const left: Problem[] = [...problems];
  let records = 0;
  for (const { record, keys } of entries) {
    const { sql, values } = insertOf(record, keys);
    try {
      await run(sql, values);
      records++;
    } catch (error) {
      if (errnoOf(error) !== DUPLICATE) throw error;
      left.push({
        where: `id ${JSON.stringify(record.id)}`,
        reason: "the store has one of its values already",
      });
    }
  }
  return { rows: rows.length, records, problems: left };
}

/** Zoho's rows in the order of their ids, whatever the connection's charset. */
async function rowsOf(run: Run, from: string): Promise<Record<string, unknown>[]> {
  const columns = (
    await run(
      `SELECT CAST(column_name AS BINARY) FROM information_schema.columns WHERE table_schema = DATABASE()
      AND (table_name = ${NAMESPACE} OR (@@lower_case_table_names <> 0 AND table_name = LOWER(${NAMESPACE})))
      ORDER BY ordinal_position`,
      [Buffer.from(from).toString("hex"), Buffer.from(from).toString("hex")],
    )
  ).rows.map(([name]) => textOf(name));
  if (!columns.includes("id")) {
    throw new TokenStoreError(
      "ERR_SCHEMA",
      `mysql: there is no table ${JSON.stringify(from)} of Zoho's to adopt that this user may read. ` +
        "Check the option adopt, the database and the privileges.",
    );
  }
  const selected = columns.map((name) => `CAST(CONVERT(${quoteName(name)} USING utf8mb4) AS BINARY)`);
  // the ids are numbers in a text column
  const sql = `SELECT ${selected.join(", ")} FROM ${quoteName(from)} ORDER BY CHAR_LENGTH(id), id`;
  return (await run(sql, [])).rows.map((row) =>
    Object.fromEntries(columns.map((name, index) => [name, row[index] === null ? null : textOf(row[index])])),
  );
}

/** What an adoption left in the database, by this process or another. */
export async function reportIn(
  connections: { readonly run: (sql: string, values: readonly Value[]) => ReturnType<Run> },
  table: string,
  adoption: Adoption,
): Promise<AdoptionReport | null> {
  const { rows } = await connections.run(
    `SELECT CAST(note AS BINARY) FROM ${quoteName(table + LOCKS_SUFFIX)}
      WHERE namespace = ${NAMESPACE} AND lock_key = ?`,
    markOf(adoption),
  );
  const note = rows[0]?.[0];
  return note === undefined || note === null ? null : (JSON.parse(textOf(note)) as AdoptionReport);
}

function markOf({ namespace, from }: Adoption): string[] {
  return [Buffer.from(namespace).toString("hex"), opaqueKey("adopted", from)];
}

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString() : String(value);
}
