import { TokenStoreError } from "@tokenkeep/core";

/** What an error of the file system means. */
export function explainFileError(error: unknown): TokenStoreError | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  // a draft that another user has left beside the file, perhaps
  const what = error instanceof Error && "path" in error ? `${code}: ${error.path}` : code;
  switch (code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new TokenStoreError(
        "ERR_PERMISSION",
        `file: this process may not read and write the file and its directory (${what}). Give it leave to, or choose another path.`,
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
  return unreadable(
    path,
    line,
    "take the line out of it (what stood in that line is lost, the other lines are not)",
  );
}

/** @param text what stands where the first line should be */
export function corruptHead(path: string, text: string): TokenStoreError {
  if (text === "") {
    return corruptError(
      `${path}, line 1: there is none, since the file is empty. Delete it if nothing was in it`,
    );
  }
  if (!text.includes('{"op":"')) {
    return corruptError(
      `${path}, line 1: this is no file of @tokenkeep/file, nor one of Zoho's SDK with the names of its columns in ` +
        "the first line. Nothing was changed. Check the path",
    );
  }
  return unreadable(
    path,
    1,
    "put the first line of another store's file in its place (a new store makes one)",
  );
}

function unreadable(path: string, line: number, way: string): TokenStoreError {
  return corruptError(
    `${path}, line ${line}: it can't be read. Nothing was changed. Keep a copy of the file, then ${way}`,
  );
}

function corruptError(message: string): TokenStoreError {
  return new TokenStoreError("ERR_CORRUPT", `${message}, or put a backup in its place.`);
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
