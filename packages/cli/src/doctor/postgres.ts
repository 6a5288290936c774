import { importFromProject } from "../project.js";
import { checkClock, type Finding, finding, missingPrivileges } from "./findings.js";
import { checkIndexes, PRIVILEGES, TABLES } from "./sql.js";

type Row = Record<string, unknown>;

/** The used part of pg. */
interface Pg {
  readonly default: { readonly Client: new (options: object) => Client };
}
interface Client {
  on(event: "error", listener: () => void): void;
  connect(): Promise<void>;
  query(sql: string): Promise<{ rows: Row[] }>;
  end(): Promise<void>;
}

/** Checks a PostgreSQL: settings that lose data, privileges, tables. */
export async function checkPostgres(url: string): Promise<Finding[]> {
  const { default: pg } = await importFromProject<Pg>("pg");
  const limits = { connectionTimeoutMillis: 5000, query_timeout: 10_000 };
  const client = new pg.Client({ connectionString: url, ...limits });
  client.on("error", () => {}); // the call that it breaks rejects with it
  await client.connect();
  const rows = async (sql: string) => (await client.query(sql)).rows;
  try {
    return [...(await checkSettings(rows)), ...(await checkTables(rows))];
  } finally {
    await client.end();
  }
}

type Query = (sql: string) => Promise<Row[]>;

async function checkSettings(rows: Query): Promise<Finding[]> {
  const findings: Finding[] = [];
  const [{ commit, fsync, pages, replica, readOnly, now } = {}] = await rows(
    `SELECT current_setting('synchronous_commit') AS commit, current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS pages, pg_is_in_recovery() AS replica,
       current_setting('transaction_read_only') AS "readOnly",
       (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now`,
  );
  if (fsync === "off")
    findings.push(finding("postgres-fsync-off", "fsync is off: a crash can destroy the database."));
  if (pages === "off")
    findings.push(
      finding("postgres-no-page-writes", "full_page_writes is off: a power cut can damage a page."),
    );
  if (commit === "off")
    findings.push(finding("postgres-lax-commit", "synchronous_commit is off: a crash loses the last saves."));
  if (replica === true) findings.push(finding("not-primary", "The server is a replica: it takes no writes."));
  else if (readOnly === "on")
    findings.push(finding("not-primary", "default_transaction_read_only is on: nothing can be saved."));
  return [...findings, ...checkClock(Number(now))];
}

async function checkTables(rows: Query): Promise<Finding[]> {
  const findings: Finding[] = [];
  const missing: string[] = [];
  for (const table of TABLES) {
    const privileges = PRIVILEGES.map((name) => `has_table_privilege('${table}', '${name}') AS "${name}"`);
    const [row = {}] = await rows(
      `SELECT relpersistence AS persistence, ${privileges.join(", ")} FROM pg_class WHERE oid = '${table}'::regclass`,
    );
    if (row.persistence === "u")
      findings.push(finding("postgres-unlogged", `The table ${table} is unlogged: a crash empties it.`));
    missing.push(...PRIVILEGES.filter((name) => row[name] === false).map((name) => `${name} on ${table}`));
  }
  const indexes = await rows(
    `SELECT indisunique AS "isUnique", string_agg(attname, ',' ORDER BY position) AS columns
     FROM pg_index, unnest(indkey::int2[]) WITH ORDINALITY AS keys(number, position), pg_attribute
     WHERE indrelid = '${TABLES[0]}'::regclass AND indisvalid AND attrelid = indrelid AND attnum = number
     GROUP BY indexrelid, indisunique`,
  );
  const found = indexes.map(({ columns, isUnique }) => ({
    columns: String(columns),
    isUnique: isUnique === true,
  }));
  return [...findings, ...missingPrivileges(missing), ...checkIndexes(found)];
}
