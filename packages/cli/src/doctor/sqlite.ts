import { openSqlite } from "../sqlite.js";
import { checkFiles } from "./file.js";
import { type Finding, finding } from "./findings.js";

/** The indexes of the table of tokens, without its primary key. */
const INDEXES = ["user_client", "grant_token", "refresh_token", "access_token", "user", "order"];

/** Checks a SQLite database and its files. Each connection has its own `synchronous`: a store warns of that itself. */
export async function checkSqlite(path: string): Promise<Finding[]> {
  const findings = checkFiles(path, ["-wal", "-shm"]);
  const database = await openSqlite(path);
  try {
    const column = (sql: string) =>
      database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row as object)[0]);
    const damage = column("PRAGMA quick_check(1)").filter((line) => line !== "ok");
    if (damage.length > 0) findings.push(finding("corrupt", `SQLite found damage: ${damage[0]}`));
    const [mode] = column("PRAGMA journal_mode");
    if (mode !== "wal") {
      findings.push(
        finding("sqlite-not-wal", `journal_mode is ${mode}: readers and writers wait for each other.`),
      );
    }
    const found = column("SELECT name FROM sqlite_schema WHERE type = 'index'");
    const missing = INDEXES.map((name) => `tokenkeep_tokens_${name}`).filter((name) => !found.includes(name));
    if (missing.length > 0) findings.push(finding("schema-index-missing", `Missing: ${missing.join(", ")}.`));
  } finally {
    database.close();
  }
  return findings;
}
