import { importFromProject } from "../project.js";
import { checkClock, type Finding, finding, missingPrivileges } from "./findings.js";
import { checkIndexes, PRIVILEGES, TABLES } from "./sql.js";

type Row = Record<string, unknown>;

/** The used part of mysql2/promise. */
interface Mysql {
  createConnection(options: { uri: string; connectTimeout: number }): Promise<{
    query(options: { sql: string; timeout: number }): Promise<[Row[]]>;
    end(): Promise<void>;
  }>;
}

/** MySQL's numbers for "this user may not". */
const DENIED = [1142, 1143];

/** Checks a MySQL or MariaDB: settings that lose data, privileges, tables. */
export async function checkMysql(url: string): Promise<Finding[]> {
  const { createConnection } = await importFromProject<Mysql>("mysql2/promise");
  const connection = await createConnection({ uri: url, connectTimeout: 5000 });
  const rows = async (sql: string) => (await connection.query({ sql, timeout: 10_000 }))[0];
  try {
    return [
      ...(await checkSettings(rows)),
      ...missingPrivileges(await lackedPrivileges(rows)),
      ...(await checkTables(rows)),
    ];
  } finally {
    await connection.end();
  }
}

type Query = (sql: string) => Promise<Row[]>;

async function checkSettings(rows: Query): Promise<Finding[]> {
  const findings: Finding[] = [];
  const variables = new Map<unknown, string>();
  const names = [
    "innodb_flush_log_at_trx_commit",
    "innodb_doublewrite",
    "read_only",
    "log_bin",
    "sync_binlog",
  ];
  for (const { Variable_name, Value } of await rows(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('${names.join("', '")}')`,
  )) {
    variables.set(Variable_name, String(Value));
  }
  const commit = variables.get("innodb_flush_log_at_trx_commit");
  if (commit !== "1")
    findings.push(
      finding(
        "mysql-lax-commit",
        `innodb_flush_log_at_trx_commit is ${commit}: a crash loses about a second.`,
      ),
    );
  // DETECT_ONLY finds a damaged page, and can't repair it.
  const doublewrite = variables.get("innodb_doublewrite") ?? "";
  if (/^(0|OFF|DETECT_ONLY)$/.test(doublewrite))
    findings.push(
      finding("mysql-no-doublewrite", `innodb_doublewrite is ${doublewrite}: a power cut can damage a page.`),
    );
  if (variables.get("read_only") !== "OFF") findings.push(finding("not-primary", "The server is read-only."));
  const sync = variables.get("sync_binlog");
  if (variables.get("log_bin") === "ON" && sync !== "1")
    findings.push(
      finding(
        "mysql-lax-binlog",
        `sync_binlog is ${sync}: after a crash a replica may lack commits, or have more.`,
      ),
    );
  const [time] = await rows(
    "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000 AS now",
  );
  return [...findings, ...checkClock(Number(time?.now))];
}

// EXPLAIN needs the privileges of the statement that it explains, and does not run it.
async function lackedPrivileges(rows: Query): Promise<string[]> {
  const missing: string[] = [];
  for (const table of TABLES) {
    const statements = {
      SELECT: `SELECT namespace FROM ${table} WHERE FALSE`,
      INSERT: `INSERT INTO ${table} SELECT * FROM ${table} WHERE FALSE`,
      UPDATE: `UPDATE ${table} SET namespace = namespace WHERE FALSE`,
      DELETE: `DELETE FROM ${table} WHERE FALSE`,
    };
    for (const privilege of PRIVILEGES) {
      try {
        await rows(`EXPLAIN ${statements[privilege]}`);
      } catch (error) {
        if (!DENIED.includes((error as { errno: number }).errno)) throw error;
        missing.push(`${privilege} on ${table}`);
      }
    }
  }
  return missing;
}

async function checkTables(rows: Query): Promise<Finding[]> {
  const findings: Finding[] = [];
  const ours = `table_schema = DATABASE() AND table_name IN ('${TABLES.join("', '")}')`;
  for (const { name, engine } of await rows(
    `SELECT table_name AS name, engine AS engine FROM information_schema.tables WHERE ${ours}`,
  )) {
    if (engine === "InnoDB") continue;
    findings.push(
      finding("mysql-not-innodb", `The table ${name} has the engine ${engine}: it has no transactions.`),
    );
  }
  const indexes = await rows(
    `SELECT GROUP_CONCAT(column_name ORDER BY seq_in_index) AS columns, MIN(non_unique) AS others
     FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = '${TABLES[0]}' GROUP BY index_name`,
  );
  const found = indexes.map(({ columns, others }) => ({
    columns: String(columns),
    isUnique: Number(others) === 0,
  }));
  return [...findings, ...checkIndexes(found)];
}
