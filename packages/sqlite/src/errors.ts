import type { TokenStoreError } from "@tokenkeep/core";
import { codeOf, type ErrorRule, translateError } from "@tokenkeep/core/backend";

// https://www.sqlite.org/rescode.html: the number, the name and SQLite's own text of each result that is told apart.
const RESULTS: readonly (readonly [errcode: number, name: string, text: string])[] = [
  [3, "SQLITE_PERM", "access permission denied"],
  [5, "SQLITE_BUSY", "database is locked"],
  [6, "SQLITE_LOCKED", "database table is locked"],
  [8, "SQLITE_READONLY", "attempt to write a readonly database"],
  [11, "SQLITE_CORRUPT", "database disk image is malformed"],
  [13, "SQLITE_FULL", "database or disk is full"],
  [14, "SQLITE_CANTOPEN", "unable to open database file"],
  [19, "SQLITE_CONSTRAINT", "constraint failed"],
  [23, "SQLITE_AUTH", "not authorized"],
  [26, "SQLITE_NOTADB", "file is not a database"],
];

const RULES: readonly ErrorRule[] = [
  {
    codes: /^SQLITE_(BUSY|LOCKED)/,
    code: "ERR_UNAVAILABLE",
    message: "the database stayed locked. Find out which process holds the lock, or raise timeoutMs.",
  },
  {
    codes: /^SQLITE_(CORRUPT|NOTADB)/,
    code: "ERR_CORRUPT",
    message:
      "the file is damaged or not a SQLite database. It was left as it is: restore a backup, or name another file.",
  },
  {
    codes: /^(SQLITE_(CANTOPEN|READONLY|PERM|AUTH)|EACCES|EPERM|EROFS)/,
    code: "ERR_PERMISSION",
    message: "the file or its directory can't be opened or written. Check their owner and mode.",
  },
  {
    codes: /^SQLITE_FULL|^ENOSPC/,
    code: "ERR_UNAVAILABLE",
    message: "the disk is full. Nothing was saved: free some space and try again.",
  },
  {
    codes: /^ERR_DLOPEN_FAILED/,
    code: "ERR_UNAVAILABLE",
    message:
      "better-sqlite3 is not compiled, or for another version of Node. Run: npm rebuild better-sqlite3 (with npm 12, " +
      "npm approve-scripts better-sqlite3 before it; with pnpm, pnpm approve-builds)",
    retryable: false,
  },
];

/** Translates an error of SQLite or of the file system. */
export function toStoreError(error: unknown): TokenStoreError | undefined {
  return translateError("sqlite", RULES, nameOf(error));
}

/** Whether another process or connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(nameOf(error));
}

/** Whether a unique index refused a row. */
export function isDuplicate(error: unknown): boolean {
  return nameOf(error).startsWith("SQLITE_CONSTRAINT");
}

// better-sqlite3 gives names, node:sqlite gives numbers. Deno's node:sqlite gives neither if `exec` or opening failed.
function nameOf(error: unknown): string {
  const code = codeOf(error);
  const { errcode, message } = error as { errcode?: number; message: string };
  // better-sqlite3 12 without what its install script compiles; the error has no code.
  if (code === "" && /^Could not locate the bindings file/.test(message)) return "ERR_DLOPEN_FAILED";
  if (code !== "ERR_SQLITE_ERROR") return code;
  // The low byte of a number is the primary result code.
  const isThis = ([number, , text]: (typeof RESULTS)[number]) =>
    errcode === undefined ? message.includes(text) : number === (errcode & 0xff);
  return RESULTS.find(isThis)?.[1] ?? "";
}
