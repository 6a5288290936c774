import type { TokenStoreError } from "@tokenkeep/core";
import { codeOf, type ErrorRule, translateError } from "@tokenkeep/core/backend";

// Result codes: https://www.sqlite.org/rescode.html. better-sqlite3 gives their names, node:sqlite their numbers.
const NAMES: Readonly<Record<number, string>> = {
  3: "SQLITE_PERM",
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  8: "SQLITE_READONLY",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  19: "SQLITE_CONSTRAINT",
  23: "SQLITE_AUTH",
  26: "SQLITE_NOTADB",
};

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
      "better-sqlite3 was built for another version of Node or another system. Run: npm rebuild better-sqlite3",
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

function nameOf(error: unknown): string {
  const errcode: unknown = (error as { errcode?: unknown } | null | undefined)?.errcode;
  // The low byte is the primary result code.
  return typeof errcode === "number" ? (NAMES[errcode & 0xff] ?? "") : codeOf(error);
}
