import { importFromProject } from "./project.js";

/** The used part of a database of node:sqlite or better-sqlite3. */
export interface SqliteFile {
  prepare(sql: string): { all(...parameters: string[]): unknown[] };
  close(): void;
}

interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: { readOnly: true }) => SqliteFile;
}

interface BetterSqlite {
  readonly default: new (path: string, options: { readonly: true }) => SqliteFile;
}

/** Opens a SQLite database for reading, with Node's own driver, or that of the project. */
export async function openSqlite(path: string): Promise<SqliteFile> {
  const own = process.getBuiltinModule?.("node:sqlite") as NodeSqlite | undefined;
  if (own !== undefined) return new own.DatabaseSync(path, { readOnly: true });
  const { default: Database } = await importFromProject<BetterSqlite>("better-sqlite3");
  return new Database(path, { readonly: true });
}
