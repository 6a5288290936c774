import { TokenStoreError, type TokenStoreErrorCode } from "@tokenkeep/core";

const MEANINGS: readonly [pattern: RegExp, code: TokenStoreErrorCode, what: string][] = [
  [
    /^SQLITE_(BUSY|LOCKED)/,
    "ERR_UNAVAILABLE",
    "the database stayed locked. Find out who holds it, or raise timeoutMs.",
  ],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    "ERR_CORRUPT",
    "the file is damaged or no SQLite database. It was left as it is: restore a backup, or name another file.",
  ],
  [
    /^(SQLITE_(CANTOPEN|READONLY|PERM|AUTH)|EACCES|EPERM|EROFS)/,
    "ERR_PERMISSION",
    "the file or its directory can't be opened or written. Check their owner and mode.",
  ],
  [
    /^SQLITE_FULL|^ENOSPC/,
    "ERR_UNAVAILABLE",
    "the disk is full. Nothing was saved: make room and try again.",
  ],
  [/^EISDIR/, "ERR_INVALID_OPTIONS", "path is a directory. Name a file."],
];

/** What an error of SQLite or of the file system means. Result codes: https://www.sqlite.org/rescode.html */
export function explain(error: unknown): TokenStoreError | undefined {
  const code = codeOf(error);
  const meaning = MEANINGS.find(([pattern]) => pattern.test(code));
  return meaning && new TokenStoreError(meaning[1], `sqlite: ${meaning[2]}`);
}

export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? "");
}
