import { opaqueKey, TokenStoreError } from "@tokenkeep/core";
import { type JoinedEntry, joinTokens, type Problem, readZohoRows } from "@tokenkeep/core/zoho-formats";
import type { Connections, Run } from "./connections.js";
import type { Value } from "./execute.js";
import { DUPLICATE, errnoOf } from "./failures.js";
import { LOCKS_SUFFIX, quoteName } from "./names.js";
import type { RecordStatements } from "./record-statements.js";
import { readState, type SchemaSettings, underLock } from "./schema.js";
import { FROM_HEX, hex } from "./text.js";

/** How many records go to the server in one statement. */
const BATCH = 250;

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

/**
 * Copies the records of Zoho's table, once per namespace, in one transaction. That it was done, and what
 * came of it, stands in a row beside the leases.
 */
export async function adopt(
  adoption: Adoption,
  connections: Connections,
  settings: SchemaSettings,
  statements: RecordStatements,
): Promise<void> {
  if ((await reportIn(connections, settings.table, adoption)) !== null) return;
  await connections.session(async (run) => {
    const state = await readState(run, settings.table);
    await underLock(run, state, settings, async () => {
      if ((await reportIn({ run }, settings.table, adoption)) !== null) return;
      const rows = await rowsOf(run, adoption.from);
      await run("START TRANSACTION");
      const report = await copy(run, rows, statements);
      const values = [...markOf(adoption), hex(JSON.stringify(report))];
      await run(
        `INSERT INTO ${quoteName(settings.table + LOCKS_SUFFIX)} (namespace, lock_key, fence, note)
          VALUES (${FROM_HEX}, ?, 1, ${FROM_HEX})`,
        values,
      );
      await run("COMMIT");
    });
  });
}

async function copy(
  run: Run,
  rows: readonly Record<string, unknown>[],
  statements: RecordStatements,
): Promise<AdoptionReport> {
  const { entries, problems } = joinTokens(readZohoRows(rows));
  const left: Problem[] = [...problems];
  let records = 0;
  const insert = async (batch: readonly JoinedEntry[]): Promise<void> => {
    const { sql, values } = statements.insert(batch);
    try {
      await run(sql, values);
      records += batch.length;
    } catch (error) {
      // the statement was undone, the transaction goes on
      if (errnoOf(error) !== DUPLICATE) throw error;
      if (batch.length > 1) {
        for (const entry of batch) await insert([entry]);
      } else {
        left.push({
          where: `id ${JSON.stringify(batch[0]?.record.id)}`,
          reason: "the store has one of its values already",
        });
      }
    }
  };
  for (let i = 0; i < entries.length; i += BATCH) await insert(entries.slice(i, i + BATCH));
  return { rows: rows.length, records, problems: left };
}

/** Zoho's rows in the order of their ids, whatever the connection's charset. */
async function rowsOf(run: Run, from: string): Promise<Record<string, unknown>[]> {
  const columns = (
    await run(
      `SELECT CAST(column_name AS BINARY) FROM information_schema.columns WHERE table_schema = DATABASE()
      AND (table_name = ${FROM_HEX} OR (@@lower_case_table_names <> 0 AND table_name = LOWER(${FROM_HEX})))
      ORDER BY ordinal_position`,
      [hex(from), hex(from)],
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
      WHERE namespace = ${FROM_HEX} AND lock_key = ?`,
    markOf(adoption),
  );
  const note = rows[0]?.[0];
  return note === undefined || note === null ? null : (JSON.parse(textOf(note)) as AdoptionReport);
}

function markOf({ namespace, from }: Adoption): string[] {
  return [hex(namespace), opaqueKey("adopted", from)];
}

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString() : String(value);
}
