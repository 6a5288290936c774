import { TokenStoreError } from "@tokenkeep/core";

/** What an error of the file system means. */
export function explainFileError(error: unknown): TokenStoreError | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new TokenStoreError(
        "ERR_PERMISSION",
        `file: this process may not read and write the file and its directory (${code}). Give it leave to, or choose another path.`,
      );
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new TokenStoreError(
        "ERR_UNAVAILABLE",
        `file: there is no room for another line (${code}). Nothing was saved. Make room and try again.`,
      );
    case "EBUSY":
      return new TokenStoreError(
        "ERR_INVALID_OPTIONS",
        "file: the file is mounted by itself, so that no other can come to its place (EBUSY). Mount its directory.",
      );
    case "ENOTDIR":
    case "EISDIR":
    case "ENAMETOOLONG":
    case "ELOOP":
      return new TokenStoreError(
        "ERR_INVALID_OPTIONS",
        `file: path can't be a file (${code}). Choose another.`,
      );
    default:
      return undefined;
  }
}

/** @param line its number, from 1 */
export function corrupt(path: string, line: number): TokenStoreError {
  const way =
    line === 1
      ? "put the first line of another store's file in its place (a new store makes one)"
      : "take the line out of it (what stood in that line is lost, the other lines are not)";
  return new TokenStoreError(
    "ERR_CORRUPT",
    `${path}, line ${line}: it can't be read. Nothing was changed. Keep a copy of the file, then ${way}, ` +
      "or put a backup in its place.",
  );
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
